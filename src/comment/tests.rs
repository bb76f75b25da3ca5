use proptest::prelude::*;

use super::*;

fn order(text: &str) -> Order {
    find(text).unwrap().order(None).unwrap()
}

fn unclear(text: &str, here: Option<&str>) -> String {
    find(text).unwrap().order(here).unwrap_err().to_string()
}

#[test]
fn every_word_is_understood() {
    for (text, word, reason) in [
        ("approve a/b", Word::Approve(None), None),
        (
            "approve a/b confirm-promotion",
            Word::Approve(Some(WebhookType::ConfirmPromotion)),
            None,
        ),
        (
            "approve a/b confirm-rollout  all   green ",
            Word::Approve(Some(WebhookType::ConfirmRollout)),
            Some("all green"),
        ),
        (
            "abort a/b wrong colours",
            Word::Abort,
            Some("wrong colours"),
        ),
        ("pause a/b", Word::Pause, None),
        ("resume a/b", Word::Resume, None),
        ("retry a/b `x` *y*", Word::Retry, Some("`x` *y*")),
        // A gate is for approvals alone.
        (
            "pause a/b confirm-rollout",
            Word::Pause,
            Some("confirm-rollout"),
        ),
        ("approve\u{a0}a/b\tyes", Word::Approve(None), Some("yes")),
    ] {
        let found = order(&format!("{PREFIX} {text}"));
        assert_eq!(found.canary, "a/b", "{text}");
        assert_eq!(
            (found.word, found.reason.as_deref()),
            (word, reason),
            "{text}"
        );
    }
}

#[test]
fn a_command_is_a_line_of_a_paragraph() {
    for text in [
        "/weirkeeper pause a/b",
        "/weirkeeper pause a/b\r\n",
        "Hello\r\n/weirkeeper pause a/b\r\nbye",
        "# Title\n/weirkeeper pause a/b",
        "> quoted\n\n/weirkeeper pause a/b",
        "```\ncode\n```\n/weirkeeper pause a/b",
        "<!-- hidden -->\n\n/weirkeeper pause a/b",
        "- item\n\n/weirkeeper pause a/b",
        "with `code`\n/weirkeeper pause a/b",
        "**bold** text\n/weirkeeper pause a/b because\nof this",
    ] {
        assert_eq!(order(text).canary, "a/b", "{text:?}");
    }
}

#[test]
fn what_is_shown_as_something_else_is_no_command() {
    for text in [
        "",
        "nothing",
        "weirkeeper pause a/b",
        "please /weirkeeper pause a/b",
        "/weirkeeperpause a/b",
        "/weirkeeper-pause a/b",
        "/Weirkeeper pause a/b",
        "//weirkeeper pause a/b",
        "\\/weirkeeper pause a/b",
        "&#47;weirkeeper pause a/b",
        // Lookalikes: a slash of division, a Cyrillic e, a space of no width.
        "\u{2215}weirkeeper pause a/b",
        "/w\u{435}irkeeper pause a/b",
        "/weirkeeper\u{200b}pause a/b",
        "\u{200b}/weirkeeper pause a/b",
        "\u{feff}/weirkeeper pause a/b",
        // Quotations, also those that go on without a mark.
        "> /weirkeeper pause a/b",
        "> said\n/weirkeeper pause a/b",
        "> [!NOTE]\n> /weirkeeper pause a/b",
        // Code.
        "`/weirkeeper pause a/b`",
        "`\n/weirkeeper pause a/b\n`",
        "text ``\n/weirkeeper pause a/b\n`` text",
        "```\n/weirkeeper pause a/b\n```",
        "```\n/weirkeeper pause a/b",
        "~~~ sh\n/weirkeeper pause a/b\n~~~",
        "````\n```\n/weirkeeper pause a/b\n````",
        "```a`b\n```\n/weirkeeper pause a/b",
        "text <!--\n\n```\n-->\n/weirkeeper pause a/b\n```",
        "    /weirkeeper pause a/b",
        "\t/weirkeeper pause a/b",
        " /weirkeeper pause a/b",
        // Not shown, or markup.
        "<!-- \n/weirkeeper pause a/b\n-->",
        "text <!--\n/weirkeeper pause a/b\n-->",
        "<!--\n\n/weirkeeper pause a/b",
        "<pre>\n\n/weirkeeper pause a/b\n</pre>",
        "<details>\n/weirkeeper pause a/b\n</details>",
        "<a title=\"\n/weirkeeper pause a/b\n\">x</a>",
        "[x]: /y \"\n/weirkeeper pause a/b\n\"",
        "[link](/y \"\n/weirkeeper pause a/b\n\")",
        "**x\n/weirkeeper pause a/b**",
        "[\n/weirkeeper pause a/b\n](https://x)",
        "$$\n/weirkeeper pause a/b\n$$",
        // Lists, tables, headings, footnotes.
        "- /weirkeeper pause a/b",
        "- item\n/weirkeeper pause a/b",
        "| /weirkeeper pause a/b |\n|---|\n| x |",
        "| x |\n|---|\n/weirkeeper pause a/b",
        "# /weirkeeper pause a/b",
        "/weirkeeper pause a/b\n---",
        "[^1]: x\n/weirkeeper pause a/b\n\n[^1]",
    ] {
        assert_eq!(find(text), None, "{text:?}");
    }
}

#[test]
fn only_the_first_command_counts() {
    let two = "/weirkeeper pause a/b\n/weirkeeper abort c/d";
    let command = find(two).unwrap();
    assert!(command.has_more);
    assert_eq!(command.order(None).unwrap().word, Word::Pause);
    assert_eq!(command.order(None).unwrap().reason, None);
    assert!(!find("/weirkeeper pause a/b").unwrap().has_more);
}

#[test]
fn what_is_not_clear_is_refused() {
    let long = format!("/weirkeeper pause a/b {}", "x".repeat(501));
    for (text, here, said) in [
        ("/weirkeeper", None, "nothing follows"),
        ("/weirkeeper lunch a/b", None, "`lunch` is no command"),
        ("/weirkeeper Approve a/b", None, "no command"),
        ("/weirkeeper аpprove a/b", None, "no command"),
        ("/weirkeeper approve", None, "not said"),
        ("/weirkeeper approve A/b", None, "not NAMESPACE/NAME"),
        ("/weirkeeper approve a/b/c", None, "not NAMESPACE/NAME"),
        ("/weirkeeper approve /b", None, "not NAMESPACE/NAME"),
        ("/weirkeeper approve a/", None, "not NAMESPACE/NAME"),
        ("/weirkeeper approve ../b", None, "not NAMESPACE/NAME"),
        (
            "/weirkeeper approve tеst/podinfo",
            None,
            "not NAMESPACE/NAME",
        ),
        ("/weirkeeper approve --dry-run", None, "not NAMESPACE/NAME"),
        (
            "/weirkeeper approve a/b confirm-lunch",
            None,
            "`confirm-lunch` is no gate",
        ),
        (
            "/weirkeeper approve c/d",
            Some("a/b"),
            "about a/b, the command about c/d",
        ),
        (
            "/weirkeeper approve and/Or",
            Some("a/b"),
            "not NAMESPACE/NAME",
        ),
        (&long, None, "501 characters"),
    ] {
        let found = unclear(text, here);
        assert!(found.contains(said), "{text}: {found}");
    }
}

#[test]
fn on_the_pull_request_of_a_rollout_the_name_is_known() {
    let at = |text: &str| find(text).unwrap().order(Some("a/b")).unwrap();
    let approved = at("/weirkeeper approve confirm-promotion go");
    assert_eq!(approved.canary, "a/b");
    assert_eq!(
        approved.word,
        Word::Approve(Some(WebhookType::ConfirmPromotion))
    );
    assert_eq!(approved.reason.as_deref(), Some("go"));
    assert_eq!(at("/weirkeeper abort").canary, "a/b");
    assert_eq!(at("/weirkeeper abort a/b x").reason.as_deref(), Some("x"));
}

#[test]
fn a_reason_has_nothing_hidden() {
    let text = "/weirkeeper pause a/b \u{1b}[31mred\u{202e} ::set-output name=x::y ##[error]z\u{7}";
    let reason = order(text).reason.unwrap();
    assert_eq!(reason, "[31mred ::set-output name=x::y ## [error]z");
    assert_eq!(order("/weirkeeper pause a/b \u{200b}").reason, None);
}

#[test]
fn an_answer_shows_what_it_is_given() {
    let text = answer([
        "@me [x](http://y) <b>",
        "",
        "/weirkeeper abort a/b\n/weirkeeper abort a/b",
    ]);
    assert_eq!(
        text,
        "<!-- weirkeeper answer -->\n\n- &#64;me \\[x\\]\\(http&#58;//y\\) &lt;b&gt;\n\
         - /weirkeeper abort a/b /weirkeeper abort a/b\n"
    );
    assert_eq!(find(&text), None);
}

/// Pieces that Markdown is made of, and commands.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("\n".to_owned()),
        2 => Just("/weirkeeper pause a/b".to_owned()),
        1 => prop::sample::select(vec![
            ">", "> ", "```", "~~~", "`", "``", "<!--", "-->", "<pre>", "</pre>", "- ", "1. ",
            "    ", "\t", " ", "text", "|", "---", "**", "[", "](", "\r\n", "\u{2028}", "$$", "\\",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,5}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in markdown()) {
        if let Some(command) = find(&text) {
            prop_assert!(text.lines().any(|line| line.starts_with(PREFIX)));
            for here in [None, Some("a/b")] {
                if let Ok(order) = command.order(here) {
                    prop_assert!(is_name(&order.canary));
                    let reason = order.reason.unwrap_or_default();
                    prop_assert!(reason.chars().count() <= LONGEST_REASON);
                    prop_assert_eq!(visible(&reason), reason);
                }
            }
        }
    }

    /// Whatever stands in a quotation or a block of code is no command.
    #[test]
    fn nothing_quoted_is_obeyed(text in markdown()) {
        let quoted: Vec<String> = text.lines().map(|line| format!("> {line}")).collect();
        prop_assert_eq!(find(&quoted.join("\n")), None);
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat((longest + 1).max(3));
        prop_assert_eq!(find(&format!("{fence}\n{text}\n{fence}")), None);
    }

    /// An answer is never taken for a command, whatever it tells.
    #[test]
    fn no_answer_is_a_command(sentences in prop::collection::vec(markdown(), 0..4)) {
        prop_assert_eq!(find(&answer(sentences)), None);
    }
}
