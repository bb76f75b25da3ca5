use proptest::prelude::*;
use url::Url;

use super::*;

/// What somebody writes who wants to be more than data.
const HOSTILE: &str = "@octocat `x` | <script>alert(1)</script> [a](http://b) **b** _i_ #12 \
                       ~~s~~ $x$ \\ &amp; ::error::x\n## heading\r\n```\n</details>\u{2028}| a |\n";

fn note() -> Inline {
    Inline::ours("The rest was cut.")
}

fn whole(document: &Document) -> String {
    document.to_text(Limit::SUMMARY, &note())
}

#[test]
fn text_of_others_is_data() {
    insta::assert_snapshot!(Inline::text(HOSTILE).as_str(), @"@&#8203;octocat &#96;x&#96; &#124; &#60;script&#62;alert(1)&#60;/script&#62; &#91;a&#93;(http&#58;//b) &#42;&#42;b&#42;&#42; &#95;i&#95; #&#8203;12 &#126;&#126;s&#126;&#126; <span>$</span>x<span>$</span> &#92; &#38;amp; ::error::x #&#8203;#&#8203; heading  &#96;&#96;&#96; &#60;/details&#62; &#124; a &#124;");
    for (text, shown) in [
        ("- item", "&#45; item"),
        ("12. item", "12&#46; item"),
        ("1.5 of 2.", "1.5 of 2."),
        ("===", "&#61;=="),
        ("a - b", "a - b"),
        ("see WWW.example.com", "see WWW&#46;example.com"),
        ("  a\tb  ", "a b"),
        ("", ""),
    ] {
        assert_eq!(Inline::text(text).as_str(), shown, "{text}");
    }
    let long = Inline::text(&"é".repeat(2000));
    assert_eq!(long.as_str().chars().count(), 1001);
}

#[test]
fn links_go_to_the_web_only() {
    let link = |to: &str| {
        let to = Url::parse(to).unwrap();
        Inline::text("a").link(&to).as_str().to_owned()
    };
    assert_eq!(link("javascript:alert(1)"), "a");
    assert_eq!(
        link("https://h.example/o|r/?a=1&b=\"<x>"),
        "<a href=\"https://h.example/o%7Cr/?a=1&amp;b=%22%3Cx%3E\">a</a>"
    );
}

#[test]
fn blocks_are_apart() {
    let mut inside = Document::default();
    inside.fence("promql", "sum(x)\r\n````\rnext\u{1b}");
    inside.list([Inline::text("a"), Inline::text("b")]);
    let mut document = Document::default();
    document.heading(2, Inline::text("# a"));
    document.quote([Inline::text("a").bold(), Inline::text("b")]);
    document.table(&["A", "B"], [vec![Inline::text("|")], Vec::new()]);
    document.table(&["A"], []);
    document.fold(Inline::text("</summary>"), inside);
    document.fold(Inline::text("nothing"), Document::default());
    insta::assert_snapshot!(whole(&document), @"
    ## #&#8203; a

    > <b>a</b>
    >
    > b

    | A | B |
    |---|---|
    | &#124; |  |
    |  |  |

    <details><summary>&#60;/summary&#62;</summary>

    `````promql
    sum(x)
    ````
    next 
    `````

    - a
    - b

    </details>
    ");
}

/// Two tables, lists, fences in folds: what may be cut anywhere.
fn long(text: &str) -> Document {
    let rows = || (0..5).map(|_| vec![Inline::text(text), Inline::code(text)]);
    let mut inside = Document::default();
    inside.fence("diff", &format!("{text}\n").repeat(4));
    let mut deeper = Document::default();
    deeper.table(&["A", "B"], rows());
    inside.fold(Inline::text(text), deeper);
    let mut document = Document::default();
    document.heading(3, Inline::text(text));
    document.table(&["A", "B"], rows());
    document.fold(Inline::text(text), inside);
    document.list((0..3).map(|_| Inline::text(text)));
    document
}

/// Checks that nothing is open at the end, and that every row has two cells.
fn assert_closed(text: &str) {
    let (mut fence, mut folds) = (None, 0);
    for line in text.lines() {
        let marks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) => {
                let closes = marks >= open && marks == line.len();
                fence = fence.filter(|_| !closes);
                continue;
            }
            None if marks >= 3 => fence = Some(marks),
            None => {}
        }
        folds += line.matches("<details>").count();
        folds -= line.matches("</details>").count();
        if line.starts_with('|') {
            assert_eq!(line.matches('|').count(), 3, "{line}\n{text}");
        }
    }
    assert_eq!((fence, folds), (None, 0), "{text}");
}

#[test]
fn what_is_too_long_is_cut_where_nothing_breaks() {
    for text in ["abc", HOSTILE, "é\u{1f600}"] {
        let document = long(text);
        let all = whole(&document);
        assert!(all.ends_with(&format!("- {}\n", Inline::text(text).as_str())));
        assert_closed(&all);
        for most in 20..all.len() {
            let cut = document.to_text(Limit::Bytes(most), &note());
            assert!(cut.len() <= most, "{most}: {cut}");
            assert!(cut.ends_with("The rest was cut.\n"), "{most}: {cut}");
            assert_closed(&cut);
            // An empty table, list, fence or fold tells nothing.
            assert!(!cut.contains("|---|---|\n\n"), "{cut}");
            assert!(!cut.contains("</summary>\n\n</details>"), "{cut}");
            let cut = document.to_text(Limit::Characters(most), &note());
            assert!(cut.chars().count() <= most, "{most}: {cut}");
        }
        assert_eq!(document.to_text(Limit::Bytes(all.len()), &note()), all);
    }
    insta::assert_snapshot!(long("abc").to_text(Limit::Bytes(330), &note()), @"
    ### abc

    | A | B |
    |---|---|
    | abc | <code>abc</code> |
    | abc | <code>abc</code> |
    | abc | <code>abc</code> |
    | abc | <code>abc</code> |
    | abc | <code>abc</code> |

    <details><summary>abc</summary>

    ```diff
    abc
    abc
    abc
    abc
    ```

    </details>

    The rest was cut.
    ");
}

proptest! {
    #[test]
    fn a_row_has_as_many_cells_as_columns(cells in prop::collection::vec(any::<String>(), 0..4)) {
        let mut document = Document::default();
        let row: Vec<Inline> = cells.iter().map(|cell| Inline::text(cell).and(Inline::code(cell)).bold()).collect();
        document.table(&["A", "B"], [row]);
        let text = whole(&document);
        let lines: Vec<&str> = text.lines().collect();
        prop_assert_eq!(lines.len(), 3, "{}", text);
        for line in lines {
            prop_assert_eq!(line.matches('|').count(), 3, "{}", line);
        }
    }

    #[test]
    fn no_sign_of_others_is_left_with_a_meaning(text in "[ -~\n\r\t\u{b}\u{85}\u{2028}\u{2029}\u{202e}é]{0,40}") {
        let safe = Inline::text(&text);
        let safe = safe.as_str();
        prop_assert!(!safe.contains(|c: char| c.is_control() || "|\u{2028}\u{2029}\u{202e}".contains(c)), "{safe:?}");
        let ours = safe.replace("<span>$</span>", "").replace("&#8203;", "\u{200b}");
        prop_assert!(!ours.contains(['<', '>', '$']), "{safe:?}");
        for (at, sign) in ours.match_indices(['@', '#']) {
            let entity = ours[..at].ends_with('&');
            prop_assert!(entity || ours[at + sign.len()..].starts_with('\u{200b}'), "{safe:?}");
        }
        prop_assert!(!ours.contains(|c: char| "\\`*_[]~".contains(c)), "{safe:?}");
    }

    #[test]
    fn nothing_closes_a_fence(text in "[`a\n\r ]{0,40}") {
        let mut document = Document::default();
        document.fence("text", &text);
        document.paragraph(Inline::ours("end"));
        let shown = whole(&document);
        assert_closed(&shown);
        let last = shown.trim_end().lines().last();
        prop_assert_eq!(last, Some("end"), "{}", shown);
    }
}
