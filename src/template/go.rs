//! Go template text, translated to a minijinja template.
//!
//! Literals of the template never become template source again: they are put
//! aside as constants `c[0]`, `c[1]`, …, so nothing in them has to be escaped.
//! Names become `v_name`, function calls `go_name(offset, …)`, where the offset
//! lets an error of the call point at the template as it was written.

use minijinja::Value;

use super::Fault;
use super::lex::{Kind, Piece, Token, pieces};

/// Deepest nesting of conditions, and of brackets and pipes in an action.
const MAX_DEPTH: usize = 20;

/// Most arguments of a function, and most `else if` of an `if`.
const MAX_WIDTH: usize = 50;

/// Functions that are called, with their least and greatest number of arguments.
pub(super) const FUNCTIONS: [(&str, usize, usize); 16] = [
    ("and", 1, MAX_WIDTH),
    ("eq", 2, MAX_WIDTH),
    ("ge", 2, 2),
    ("gt", 2, 2),
    ("index", 2, 2),
    ("le", 2, 2),
    ("len", 1, 1),
    ("lt", 2, 2),
    ("ne", 2, 2),
    ("not", 1, 1),
    ("or", 1, MAX_WIDTH),
    ("print", 0, MAX_WIDTH),
    ("printf", 1, MAX_WIDTH),
    ("println", 0, MAX_WIDTH),
    ("slice", 2, 3),
    ("urlquery", 0, MAX_WIDTH),
];

/// Words of Go's templates that are refused.
const REFUSED: [&str; 12] = [
    "block", "break", "call", "continue", "define", "html", "js", "nil", "range", "template",
    "while", "with",
];

/// A template in minijinja's syntax, and its constants `c`.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) source: String,
    pub(super) constants: Vec<Value>,
}

/// Translates `template`, in which `names` are known.
///
/// # Errors
/// For the first thing that is malformed, unknown or not supported.
pub(super) fn translate(template: &str, names: &[&str]) -> Result<Translation, Fault> {
    let mut writer = Writer {
        names,
        source: String::new(),
        constants: Vec::new(),
        open: Vec::new(),
    };
    for piece in pieces(template)? {
        match piece {
            Piece::Text(text) => {
                let constant = writer.constant(text);
                writer.source.push_str(&format!("{{{{ {constant} }}}}"));
            }
            Piece::Action(tokens, offset) => writer.action(&tokens, offset)?,
        }
    }
    match writer.open.last() {
        Some(open) => {
            Err(Fault::new(open.offset, "the `if` is not closed").hint("add `{{ end }}`"))
        }
        None => Ok(Translation {
            source: writer.source,
            constants: writer.constants,
        }),
    }
}

/// An `if` that is not closed yet.
struct Open {
    offset: usize,
    branches: usize,
    has_else: bool,
}

struct Writer<'n> {
    names: &'n [&'n str],
    source: String,
    constants: Vec<Value>,
    open: Vec<Open>,
}

impl Writer<'_> {
    fn constant(&mut self, value: impl Into<Value>) -> String {
        self.constants.push(value.into());
        format!("c[{}]", self.constants.len() - 1)
    }

    fn action(&mut self, tokens: &[Token], offset: usize) -> Result<(), Fault> {
        let first = tokens.first().ok_or_else(|| {
            Fault::new(offset, "the action is empty").hint("remove it, or name a value")
        })?;
        let keyword = if let Kind::Word(word) = &first.kind {
            word.as_str()
        } else {
            ""
        };
        match keyword {
            "if" => self.begin_if(&tokens[1..], first.offset),
            "else" => self.begin_else(&tokens[1..], first.offset),
            "end" => match (self.open.pop(), tokens.get(1)) {
                (Some(_), None) => {
                    self.source.push_str("{% endif %}");
                    Ok(())
                }
                (None, _) => Err(Fault::new(first.offset, "this `end` closes nothing")),
                (Some(_), Some(extra)) => Err(Fault::new(extra.offset, "nothing may follow `end`")),
            },
            _value => {
                let value = self.expression(tokens, offset)?;
                self.source.push_str(&format!("{{{{ go_show({value}) }}}}"));
                Ok(())
            }
        }
    }

    fn begin_if(&mut self, tokens: &[Token], offset: usize) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::new(offset, "conditions are nested too deeply"));
        }
        let condition = self.expression(tokens, offset)?;
        self.source.push_str(&format!("{{% if {condition} %}}"));
        self.open.push(Open {
            offset,
            branches: 0,
            has_else: false,
        });
        Ok(())
    }

    fn begin_else(&mut self, tokens: &[Token], offset: usize) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut().filter(|open| !open.has_else) else {
            return Err(Fault::new(offset, "this `else` belongs to no `if`"));
        };
        open.branches += 1;
        if open.branches > MAX_WIDTH {
            return Err(Fault::new(offset, "the `if` has too many branches"));
        }
        let Some(next) = tokens.first() else {
            open.has_else = true;
            self.source.push_str("{% else %}");
            return Ok(());
        };
        if next.kind != Kind::Word("if".to_owned()) {
            return Err(Fault::new(next.offset, "only `if` may follow `else`"));
        }
        let condition = self.expression(&tokens[1..], next.offset)?;
        self.source.push_str(&format!("{{% elif {condition} %}}"));
        Ok(())
    }

    fn expression(&mut self, tokens: &[Token], offset: usize) -> Result<String, Fault> {
        if let Some(sign) = tokens.iter().find(|token| token.kind == Kind::Assignment) {
            return Err(Fault::new(sign.offset, "variables cannot be set").hint(
                "use `spec.analysis.metrics[].templateVariables` and `{{ variables.name }}`",
            ));
        }
        let mut parser = Parser {
            writer: self,
            tokens,
            next: 0,
            end: tokens.last().map_or(offset, |token| token.offset),
            depth: 0,
        };
        let expression = parser.pipeline()?;
        match parser.peek() {
            None => Ok(expression),
            Some(extra) => Err(Fault::new(extra.offset, "this bracket closes nothing")),
        }
    }
}

struct Parser<'w, 'n, 't> {
    writer: &'w mut Writer<'n>,
    tokens: &'t [Token],
    next: usize,
    /// Where to point at when something is missing.
    end: usize,
    depth: usize,
}

/// What stands at the beginning of a command, or as an argument.
enum Operand {
    /// A function without its arguments.
    Function(&'static str, usize, usize),
    /// A name without fields; it takes no arguments.
    Name(String),
    /// A name or bracket with fields.
    Value(String),
    /// A literal.
    Literal(String),
}

impl<'t> Parser<'_, '_, 't> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.next)
    }

    fn deeper(&mut self, offset: usize) -> Result<(), Fault> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(Fault::new(offset, "the action is nested too deeply")),
            false => Ok(()),
        }
    }

    /// `command | command | …`, up to a closing bracket or the end.
    fn pipeline(&mut self) -> Result<String, Fault> {
        let depth = self.depth;
        let mut piped = None;
        loop {
            let command = self.command(piped.take())?;
            match self.peek() {
                Some(token) if token.kind == Kind::Pipe => {
                    self.next += 1;
                    self.deeper(token.offset)?;
                    piped = Some(command);
                }
                Some(_) | None => {
                    self.depth = depth;
                    return Ok(command);
                }
            }
        }
    }

    /// A function with arguments, or a single value.
    fn command(&mut self, piped: Option<String>) -> Result<String, Fault> {
        let offset = self.peek().map_or(self.end, |token| token.offset);
        let head = self.operand()?;
        let mut arguments = Vec::new();
        while let Some(token) = self.peek() {
            if matches!(token.kind, Kind::Pipe | Kind::Close) {
                break;
            }
            if !token.spaced {
                return Err(Fault::new(token.offset, "white space is missing here"));
            }
            let argument_offset = token.offset;
            arguments.push(match self.operand()? {
                Operand::Function(name, least, most) => {
                    call(name, least, most, &[], argument_offset)?
                }
                Operand::Name(value) | Operand::Value(value) | Operand::Literal(value) => value,
            });
        }
        arguments.extend(piped);
        match head {
            Operand::Function(name, least, most) => call(name, least, most, &arguments, offset),
            Operand::Name(value) | Operand::Value(value) | Operand::Literal(value)
                if arguments.is_empty() =>
            {
                Ok(value)
            }
            Operand::Name(_) | Operand::Value(_) | Operand::Literal(_) => {
                Err(Fault::new(offset, "only a function takes arguments")
                    .hint(format!("functions: {}", function_names())))
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        let Some(token) = self.peek() else {
            return Err(Fault::new(self.end, "a value is missing here"));
        };
        self.next += 1;
        let operand = match &token.kind {
            Kind::Word(word) => self.word(word, token.offset)?,
            Kind::Text(text) => Operand::Literal(self.writer.constant(text.clone())),
            Kind::Int(int) => Operand::Literal(self.writer.constant(*int)),
            Kind::Float(float) => Operand::Literal(self.writer.constant(*float)),
            Kind::Open => Operand::Value(self.bracket(token.offset)?),
            Kind::Dot => return Err(dotted(token.offset, "")),
            Kind::Field(name) => return Err(dotted(token.offset, name)),
            Kind::Variable(name) => return Err(dollar(token.offset, name)),
            Kind::Pipe | Kind::Close | Kind::Assignment => {
                return Err(Fault::new(token.offset, "a value is missing here"));
            }
        };
        self.fields(operand)
    }

    fn bracket(&mut self, offset: usize) -> Result<String, Fault> {
        self.deeper(offset)?;
        let inner = self.pipeline()?;
        self.depth -= 1;
        match self.peek() {
            Some(token) if token.kind == Kind::Close => {
                self.next += 1;
                Ok(format!("({inner})"))
            }
            Some(_) | None => Err(Fault::new(offset, "the bracket is not closed")),
        }
    }

    /// The `.field`s that follow `operand` without white space.
    fn fields(&mut self, operand: Operand) -> Result<Operand, Fault> {
        let mut operand = operand;
        while let Some(token) = self.peek().filter(|token| !token.spaced) {
            let Kind::Field(key) = &token.kind else {
                break;
            };
            let base = match operand {
                Operand::Name(value) | Operand::Value(value) => value,
                Operand::Function(..) | Operand::Literal(_) => {
                    return Err(Fault::new(
                        token.offset,
                        format!("there is no field `{key}` here"),
                    ));
                }
            };
            self.next += 1;
            self.deeper(token.offset)?;
            let key = self.writer.constant(key.clone());
            operand = Operand::Value(format!("go_field({}, {base}, {key})", token.offset));
        }
        Ok(operand)
    }

    fn word(&self, word: &str, offset: usize) -> Result<Operand, Fault> {
        if self.writer.names.contains(&word) {
            return Ok(Operand::Name(format!("v_{word}")));
        }
        if let "true" | "false" = word {
            return Ok(Operand::Literal(word.to_owned()));
        }
        if let Some((name, least, most)) = FUNCTIONS.iter().find(|(name, ..)| *name == word) {
            return Ok(Operand::Function(name, *least, *most));
        }
        Err(match REFUSED.contains(&word) {
            true => Fault::new(offset, format!("`{word}` is not supported"))
                .hint("queries have values, functions and `if … else if … else … end`"),
            false => Fault::new(offset, format!("`{word}` is not known here")).hint(format!(
                "names: {}; functions: {}",
                self.writer.names.join(", "),
                function_names()
            )),
        })
    }
}

/// A call of the function `name`.
fn call(
    name: &str,
    least: usize,
    most: usize,
    arguments: &[String],
    offset: usize,
) -> Result<String, Fault> {
    if arguments.len() < least || arguments.len() > most {
        let wanted = match (least, most) {
            (least, most) if least == most => format!("{least}"),
            (least, MAX_WIDTH) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        return Err(Fault::new(
            offset,
            format!(
                "`{name}` takes {wanted} arguments and gets {}",
                arguments.len()
            ),
        ));
    }
    Ok(match name {
        "and" | "or" => format!("({})", arguments.join(&format!(" {name} "))),
        "not" => format!("(not {})", arguments.join("")),
        _function => {
            let mut text = format!("go_{name}({offset}");
            for argument in arguments {
                text.push_str(&format!(", {argument}"));
            }
            text.push(')');
            text
        }
    })
}

fn dotted(offset: usize, name: &str) -> Fault {
    let fault = Fault::new(offset, format!("`.{name}` stands for nothing"));
    match name {
        "" => fault.hint("there is no dot: write a name, `{{ target }}`"),
        name => fault.hint(format!("write it without the dot: `{{{{ {name} }}}}`")),
    }
}

fn dollar(offset: usize, name: &str) -> Fault {
    let fault = Fault::new(offset, format!("`${name}` stands for nothing"));
    match name {
        "" => fault.hint("there is no `$`: write a name, `{{ target }}`"),
        name => fault.hint(format!(
            "write `{{{{ {name} }}}}`, or `{{{{ variables.{name} }}}}` for one of `templateVariables`"
        )),
    }
}

fn function_names() -> String {
    FUNCTIONS.map(|(name, ..)| name).join(", ")
}
