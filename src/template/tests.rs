use proptest::prelude::*;

use super::*;
use crate::api::{Canary, Metric};

fn vars() -> QueryVars {
    QueryVars {
        name: "podinfo".into(),
        namespace: "test".into(),
        target: "podinfo".into(),
        service: "web".into(),
        ingress: "podinfo".into(),
        route: "podinfo".into(),
        interval: "1m".into(),
        variables: BTreeMap::from([
            ("reporter".into(), "source".into()),
            ("a-b".into(), "dash".into()),
            ("empty".into(), String::new()),
        ]),
    }
}

#[test]
fn templates_render_as_in_go() {
    let cases = [
        ("", ""),
        (" \n x \n", " \n x \n"),
        ("{{ name }} {{namespace}} {{ service }}", "podinfo test web"),
        (
            "{{ ingress }}/{{ route }}/{{ interval }}",
            "podinfo/podinfo/1m",
        ),
        (
            r#"up{job="x", a=~"[}]{2}"}[5m]"#,
            r#"up{job="x", a=~"[}]{2}"}[5m]"#,
        ),
        ("{% if %}{# no #}{%- x -%}", "{% if %}{# no #}{%- x -%}"),
        ("{{ variables.reporter }}", "source"),
        ("{{ (variables).reporter }}", "source"),
        (r#"{{ index variables "a-b" }}"#, "dash"),
        (r#"[{{ index variables "missing" }}]"#, "[]"),
        ("{{ index variables `a-b` }}", "dash"),
        ("{{ \"a\\t\\\"\\u00e9\\x41\\101\" }}", "a\t\"éAA"),
        ("{{ `a\\n{{}}\"` }}", "a\\n{{}}\""),
        (r#"{{ "{{" }}{{ "}}" }}"#, "{{}}"),
        ("a {{- name -}} b", "apodinfob"),
        ("a \n{{- /* note */ -}}\n b", "ab"),
        ("a {{/* note }} */}} b", "a  b"),
        ("{{-3}}", "-3"),
        ("{{ 1.50 }} {{ 2e3 }} {{ true }}", "1.5 2000 true"),
        (r#"{{ target | printf "%s-x" }}"#, "podinfo-x"),
        (r#"{{ printf "%s-%s" target namespace }}"#, "podinfo-test"),
        (
            r#"{{ printf "%s" target | printf "%s/%s" name }}"#,
            "podinfo/podinfo",
        ),
        (
            r#"{{ printf "%q %v %d%%" name 1.5 7 }}"#,
            r#""podinfo" 1.5 7%"#,
        ),
        (
            r#"{{ printf "%05d|%-5s|%5s|%.2f|%t|%x" -7 "ab" "ab" 1.0 true "hi" }}"#,
            "-0007|ab   |   ab|1.00|true|6869",
        ),
        (r#"{{ printf "%.3s|%+d|%x" name 7 255 }}"#, "pod|+7|ff"),
        (
            r#"{{ if eq variables.reporter "source" }}a{{ else }}b{{ end }}"#,
            "a",
        ),
        (
            r#"{{ if ne namespace "test" }}a{{ else if eq name "x" "podinfo" }}b{{ else }}c{{ end }}"#,
            "b",
        ),
        (
            r#"{{ if and (eq name "podinfo") (not (eq target "x")) }}y{{ end }}"#,
            "y",
        ),
        (r#"{{ or (index variables "empty") "default" }}"#, "default"),
        (
            r#"{{ and name "last" }}|{{ and "" name }}|{{ or "" "" }}"#,
            "last||",
        ),
        (
            "{{ if variables.empty }}a{{ end }}{{ if variables }}b{{ end }}",
            "b",
        ),
        ("{{ if false }}{{ variables.missing }}{{ end }}ok", "ok"),
        ("{{ or name variables.missing }}", "podinfo"),
        ("{{ not name }} {{ not 0 }}", "false true"),
        (
            "{{ len name }} {{ len variables }} {{ variables | len }}",
            "7 3 3",
        ),
        (
            "{{ if gt (len name) 3 }}long{{ end }}{{ lt 1 2 }}{{ ge `b` `a` }}{{ le 1.5 1.5 }}",
            "longtruetruetrue",
        ),
        ("{{ slice name 0 3 }}{{ slice name 4 }}", "podnfo"),
        (
            "{{ print name 1 2 `x` }}|{{ println name 1 }}",
            "podinfo1 2x|podinfo 1\n",
        ),
        ("{{ urlquery `a b&c` }}", "a+b%26c"),
        ("{{ variables }}", "map[a-b:dash empty: reporter:source]"),
        ("{{\n  name\n}}", "podinfo"),
        (
            "{{ if true }}{{ if false }}a{{ else }}b{{ end }}c{{ end }}",
            "bc",
        ),
        ("é{{ name }}ü", "épodinfoü"),
        (
            "{{ 1e21 }} {{ 0.0000001 }} {{ 100000000.0 }} {{ 1234567.5 }} {{ 0.0001 }} {{ 1e5 }}",
            "1e+21 1e-07 1e+08 1.2345675e+06 0.0001 100000",
        ),
        (r#"{{ printf "%q" "a\"\\é\n\x01" }}"#, r#""a\"\\é\n\x01""#),
        ("{{ print 1.0 2.5 true `x` `y` }}", "1 2.5 truexy"),
    ];
    for (template, expected) in cases {
        let rendered = render_query(template, &vars());
        assert_eq!(rendered.as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn values_are_inserted_unescaped() {
    let mut vars = vars();
    vars.target = "<a & \"b\">{{ name }}".into();
    assert_eq!(render_query("{{ target }}", &vars).unwrap(), vars.target);
    let escaped = render_query("{{ target }}", &vars.promql_escaped());
    assert_eq!(escaped.unwrap(), r#"<a & \"b\">{{ name }}"#);
}

#[test]
fn errors_point_at_the_template() {
    let cases = [
        (
            "x\n  {{ .name }}",
            "2:6 `.name` stands for nothing",
            "`{{ name }}`",
        ),
        ("{{ . }}", "1:4 `.` stands for nothing", "no dot"),
        (
            "{{ $name }}",
            "1:4 `$name` stands for nothing",
            "`{{ name }}`",
        ),
        (
            "{{ eq variables .name }}",
            "1:17 `.name` stands for nothing",
            "",
        ),
        (
            "é {{ nmae }}",
            "1:6 `nmae` is not known here",
            "names: name, namespace,",
        ),
        (
            "{{ target | upper }}",
            "1:13 `upper` is not known here",
            "functions: and, eq",
        ),
        (
            "{{ range variables }}{{ end }}",
            "1:4 `range` is not supported",
            "if",
        ),
        (
            "{{ with name }}{{ end }}",
            "1:4 `with` is not supported",
            "if",
        ),
        (
            "{{ define `x` }}{{ end }}",
            "1:4 `define` is not supported",
            "if",
        ),
        (
            "{{ variables.missing }}",
            "1:13 there is no variable `missing`",
            "`a-b`, `empty`, `reporter`",
        ),
        ("{{ target.x }}", "1:10 there is no field `x` in a text", ""),
        ("{{ `x`.y }}", "1:7 there is no field `y` here", ""),
        (
            "{{ variables.a-b }}",
            "1:15 `-b` is not a number",
            "index variables",
        ),
        (
            "{{ x := name }}",
            "1:6 variables cannot be set",
            "templateVariables",
        ),
        (
            "{{ name target }}",
            "1:4 only a function takes arguments",
            "functions",
        ),
        (
            "{{ `x` | name }}",
            "1:10 only a function takes arguments",
            "",
        ),
        ("{{ name", "1:1 the action is not closed", "}}"),
        ("a {{/* b", "1:3 the comment is not closed", "*/}}"),
        (
            "{{/* b */ x }}",
            "1:10 something follows the comment",
            "stands alone",
        ),
        ("{{ \"a }}", "1:4 the string is not closed", "\""),
        ("{{ `a }}", "1:4 the string is not closed", "backtick"),
        (
            r#"{{ "a\q" }}"#,
            "1:6 the string has an unknown escape",
            "raw",
        ),
        ("{{ }}", "1:1 the action is empty", ""),
        ("{{ if name }}x", "1:4 the `if` is not closed", "end"),
        ("{{ end }}", "1:4 this `end` closes nothing", ""),
        ("{{ else }}", "1:4 this `else` belongs to no `if`", ""),
        (
            "{{ if name }}{{ else }}{{ else }}{{ end }}",
            "1:27 this `else` belongs to no `if`",
            "",
        ),
        (
            "{{ if name }}{{ else with name }}{{ end }}",
            "1:22 only `if` may follow `else`",
            "",
        ),
        ("{{ if }}{{ end }}", "1:4 a value is missing here", ""),
        ("{{ (name }}", "1:4 the bracket is not closed", ""),
        ("{{ name) }}", "1:8 this bracket closes nothing", ""),
        ("{{ name | }}", "1:9 a value is missing here", ""),
        ("{{ printf`x` }}", "1:10 white space is missing here", ""),
        (
            "{{ eq name }}",
            "1:4 `eq` takes at least 2 arguments and gets 1",
            "",
        ),
        (
            "{{ eq len 1 }}",
            "1:7 `len` takes 1 arguments and gets 0",
            "",
        ),
        (
            "{{ eq name 1 }}",
            "1:4 a text and an integer cannot be compared",
            "texts with texts",
        ),
        (
            "{{ printf `%d` name }}",
            "1:4 `%d` does not fit a text",
            "%s",
        ),
        ("{{ printf `%s` }}", "1:4 `%s` has no value", ""),
        (
            "{{ printf `x` name }}",
            "1:4 1 values have no verb in the format",
            "",
        ),
        ("{{ printf `%9999d` 1 }}", "1:4 a width is at most 1000", ""),
        ("{{ len 3 }}", "1:4 an integer has no length", ""),
        (
            "{{ index name `x` }}",
            "1:4 `index` cannot look into a text",
            "index variables",
        ),
        (
            "{{ slice name 0 99 }}",
            "1:4 the text has no bytes 0 to 99",
            "",
        ),
        ("{{ name ; }}", "1:9 `;` has no meaning in an action", ""),
        ("{{ 12abc }}", "1:4 `12abc` is not a number", "decimal"),
        ("{{ nil }}", "1:4 `nil` is not supported", ""),
    ];
    for (template, expected, hint) in cases {
        let error = render_query(template, &vars()).expect_err(template);
        let found = format!("{}:{} {}", error.line, error.column, error.message);
        assert_eq!(found, expected, "{template}");
        let given = error.hint.clone().unwrap_or_default();
        assert!(given.contains(hint), "{template}: {given}");
    }
    let error: Error = render_query("{{ .x }}", &vars()).unwrap_err().into();
    assert_eq!(error.kind(), crate::error::Kind::Document);
    assert_eq!(
        error.chain(),
        "the template cannot be rendered: line 1, column 4: `.x` stands for nothing"
    );
    assert_eq!(error.hints().len(), 1);
}

#[test]
fn a_metric_without_variables_says_so() {
    let error = render_query("{{ variables.x }}", &QueryVars::default()).unwrap_err();
    assert_eq!(error.hint.unwrap(), "the metric has no `templateVariables`");
}

#[test]
fn limits_hold() {
    let long = "x".repeat(MAX_QUERY + 1);
    assert!(render_query(&long, &vars()).is_err());
    let grows = "{{ printf `%1000d` 1 }}".repeat(70);
    let message = render_query(&grows, &vars()).unwrap_err().message;
    assert_eq!(message, "the rendered text is too long");
    for deep in [
        format!("{{{{ {}name{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        format!("{{{{ name {} }}}}", "| print ".repeat(5000)),
        "{{ if name }}".repeat(4000),
        format!("{{{{ and {} }}}}", "name ".repeat(5000)),
        format!("{{{{ variables{} }}}}", ".x".repeat(5000)),
        format!(
            "{{{{ if 0 }}}}{}{{{{ end }}}}",
            "{{ else if 0 }}".repeat(3000)
        ),
    ] {
        assert!(render_query(&deep, &vars()).is_err());
    }
    let just = format!("{{{{ {}name{} }}}}", "(".repeat(20), ")".repeat(20));
    assert_eq!(render_query(&just, &vars()).unwrap(), "podinfo");
    let nested = format!("{}x{}", "{{ if name }}".repeat(20), "{{ end }}".repeat(20));
    assert_eq!(render_query(&nested, &vars()).unwrap(), "x");
    let branches = format!(
        "{{{{ if 0 }}}}{}{{{{ else }}}}x{{{{ end }}}}",
        "{{ else if 0 }}".repeat(49)
    );
    assert_eq!(render_query(&branches, &vars()).unwrap(), "x");
}

#[test]
fn names_follow_the_canary() {
    let canary: Canary = serde_yaml::from_str(
        "metadata: {name: c, namespace: ns}\nspec:\n  targetRef: {name: t}\n  service: {name: s}\n  routeRef: {name: r}\n",
    )
    .unwrap();
    let metric = Metric {
        template_variables: Some(BTreeMap::from([("k".into(), "v".into())])),
        ..Metric::default()
    };
    let vars = QueryVars::new(&canary, &metric);
    let text = "{{ name }} {{ namespace }} {{ target }} {{ service }} {{ ingress }} {{ route }} {{ interval }} {{ variables.k }}";
    assert_eq!(render_query(text, &vars).unwrap(), "c ns t s t r 1m v");
}

#[test]
fn own_templates_are_strict() {
    let context = BTreeMap::from([("who", "<you>")]);
    assert_eq!(
        render("x.txt", "Hi {{ who }}\n", &context).unwrap(),
        "Hi <you>\n"
    );
    assert_eq!(
        render("x.html", "Hi {{ who }}", &context).unwrap(),
        "Hi &lt;you&gt;"
    );
    let error = render("x.txt", "a\nb {{ nobody }}", &context).unwrap_err();
    assert_eq!(error.line, 2);
    assert!(
        error.message.starts_with("x.txt: undefined value"),
        "{error}"
    );
    assert!(render("x", "{% include 'Cargo.toml' %}", &context).is_err());
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    assert!(
        render("x", endless, &context)
            .unwrap_err()
            .message
            .contains("fuel")
    );
}

/// The MetricTemplates of Flagger's documentation and tests.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "tests get the corpus by the environment"
)]
fn the_corpus_renders() {
    let Ok(corpus) = std::env::var("WEIRKEEPER_CORPUS") else {
        println!("skipped: WEIRKEEPER_CORPUS is not set");
        return;
    };
    let mut vars = vars();
    vars.variables.insert("direction".into(), "inbound".into());
    let mut rendered = 0;
    for entry in fs_err::read_dir(std::path::Path::new(&corpus).join("canaries")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs_err::read_to_string(&path).unwrap();
        let template: crate::api::MetricTemplate = match serde_yaml::from_str(&text) {
            Ok(template) => template,
            Err(_) => continue,
        };
        let prometheus = template.spec.provider.kind == crate::api::MetricProvider::PROMETHEUS;
        if template.kind != "MetricTemplate" || !prometheus || template.spec.query.is_empty() {
            continue;
        }
        let query = render_query(&template.spec.query, &vars)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!query.contains("{{"), "{}", path.display());
        rendered += 1;
    }
    assert!(rendered >= 8, "only {rendered} templates");
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(render_query(&text, &vars()));
    }

    #[test]
    fn no_action_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{{-", "-}}", " ", "- ", "/*", "*/", "if", "else", "end", "name", "variables",
        ".x", ".", "$", "$x", "(", ")", "|", "\"", "`", "\\", "\\x4", "printf", "index", "eq", "and", "not",
        "%s", "%", "1", "-1", "1.5", "é", "\n", ":=", "=", ",", "slice", "true", "len", "_", "0x", "e9",
    ]), 0..24)) {
        drop(render_query(&parts.concat(), &vars()));
    }

    #[test]
    fn text_without_actions_is_kept(text in "[^{]*") {
        prop_assert_eq!(render_query(&text, &vars()).unwrap(), text);
    }
}
