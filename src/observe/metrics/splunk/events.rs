//! Server-sent events, of a stream that has ended.

/// An event with its type and its data.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    /// `message` when the stream does not say.
    pub(super) kind: String,
    /// Its lines of data, joined.
    pub(super) data: String,
}

/// The events of a stream, in order. One that is not ended by an empty line does not
/// count, as the standard has it: it may be cut.
pub(super) fn read(text: &str) -> Vec<Event> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut events = Vec::new();
    let mut kind = "";
    let mut data: Vec<&str> = Vec::new();
    let lines = text.split_inclusive(['\n', '\r']);
    let mut after_cr = false;
    for line in lines {
        let ended = line.ends_with(['\n', '\r']);
        let bare = line.trim_end_matches(['\n', '\r']);
        // `\r\n` is one end of a line, not an empty line.
        let rest_of_end = after_cr && line == "\n";
        after_cr = line.ends_with('\r');
        if rest_of_end || !ended {
            continue;
        }
        if bare.is_empty() {
            if !data.is_empty() {
                events.push(Event {
                    kind: (if kind.is_empty() { "message" } else { kind }).to_owned(),
                    data: data.join("\n"),
                });
            }
            kind = "";
            data.clear();
            continue;
        }
        let (field, value) = bare.split_once(':').unwrap_or((bare, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => kind = value,
            "data" => data.push(value),
            // A comment, or what matters to clients that come back.
            _other => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let events = read(text).into_iter();
        events.map(|event| (event.kind, event.data)).collect()
    }

    #[test]
    fn events_end_with_an_empty_line() {
        let text = "\u{feff}: hello\n\nevent: data\ndata: {\ndata:  \"a\": 1\ndata: }\n\nid: 1\ndata:x\n\nevent: none\n\ndata: cut";
        let expected = [("data", "{\n \"a\": 1\n}"), ("message", "x")];
        let expected = expected.map(|(kind, data)| (kind.to_owned(), data.to_owned()));
        assert_eq!(pairs(text), expected);
        assert_eq!(pairs(&text.replace('\n', "\r\n")), expected);
        assert_eq!(pairs(&text.replace('\n', "\r")), expected);
    }

    #[test]
    fn the_last_event_may_be_cut() {
        assert_eq!(pairs("data: a\n"), []);
        assert_eq!(pairs("data: a"), []);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(event|data|:|\n|\r| |a|ä){0,40}") {
            drop(read(&text));
        }
    }
}
