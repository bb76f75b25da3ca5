//! Annotated CSV, as InfluxDB answers queries.

use csv::{ReaderBuilder, StringRecord};

/// A table of an answer: the records of one group of a result.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    /// Its group: `_measurement=http, host=a`.
    pub(super) name: String,
    /// `_value` of each record.
    pub(super) values: Vec<Value>,
    /// Result and number, which tell tables apart.
    key: (String, String),
}

/// A cell of the column `_value`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A number of any type.
    Number(f64),
    /// Nothing.
    Missing,
    /// Of this other type.
    Other(String),
}

/// Why an answer has no tables.
#[derive(Debug, PartialEq)]
pub(super) enum Unusable {
    /// The query went wrong, in InfluxDB's words.
    Refused(String),
    /// It is not such an answer.
    Malformed(String),
}

/// The columns of the tables that follow.
#[derive(Default)]
struct Schema {
    datatypes: StringRecord,
    groups: StringRecord,
    defaults: StringRecord,
    header: StringRecord,
}

/// Reads an answer. Empty lines between tables do not matter.
pub(super) fn read(body: &[u8]) -> Result<Vec<Table>, Unusable> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(body);
    let mut tables: Vec<Table> = Vec::new();
    let mut schema = Schema::default();
    let mut wants_header = true;
    for record in reader.records() {
        let record = record.map_err(|error| malformed(&error.to_string()))?;
        match record.get(0).unwrap_or_default() {
            annotation if annotation.starts_with('#') => {
                if !wants_header {
                    schema = Schema::default();
                    wants_header = true;
                }
                match annotation {
                    "#datatype" => schema.datatypes = record,
                    "#group" => schema.groups = record,
                    "#default" => schema.defaults = record,
                    _other => {}
                }
            }
            _ if wants_header => {
                schema.header = record;
                wants_header = false;
                schema.check()?;
            }
            _ => schema.add(&record, &mut tables)?,
        }
    }
    match wants_header && !schema.datatypes.is_empty() {
        true => Err(malformed("the CSV ends before its header")),
        false => Ok(tables),
    }
}

impl Schema {
    /// Is this a table of values, or of errors?
    fn check(&self) -> Result<(), Unusable> {
        let known = ["_value", "error", "result", "table"];
        match known.iter().any(|name| self.column(name).is_some()) {
            true => Ok(()),
            false => Err(malformed("it is no annotated CSV")),
        }
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|header| header == name)
    }

    /// A cell of a record, or its default.
    fn cell<'a>(&'a self, record: &'a StringRecord, column: usize) -> &'a str {
        match record.get(column).unwrap_or_default() {
            "" => self.defaults.get(column).unwrap_or_default(),
            cell => cell,
        }
    }

    fn add(&self, record: &StringRecord, tables: &mut Vec<Table>) -> Result<(), Unusable> {
        let named = |name: &str| {
            let column = self.column(name);
            column.map_or("", |column| self.cell(record, column))
        };
        let Some(column) = self.column("_value") else {
            return match self.column("error") {
                Some(error) => Err(Unusable::Refused(self.cell(record, error).to_owned())),
                None => Err(malformed("a table has no column _value")),
            };
        };
        if record.len() != self.header.len() {
            return Err(malformed("a record is shorter or longer than its header"));
        }
        let key = (named("result").to_owned(), named("table").to_owned());
        let value = self.value(record, column)?;
        match tables.last_mut().filter(|table| table.key == key) {
            Some(table) => table.values.push(value),
            None => tables.push(Table {
                name: self.name(record),
                values: vec![value],
                key,
            }),
        }
        Ok(())
    }

    fn value(&self, record: &StringRecord, column: usize) -> Result<Value, Unusable> {
        let cell = self.cell(record, column);
        let datatype = self.datatypes.get(column).unwrap_or("double");
        match datatype {
            _ if cell.is_empty() => Ok(Value::Missing),
            "double" | "long" | "unsignedLong" => match cell.parse() {
                Ok(number) => Ok(Value::Number(number)),
                Err(_no_number) => Err(malformed(&format!(
                    "the value `{}` is no number",
                    cell.escape_debug()
                ))),
            },
            other => Ok(Value::Other(other.to_owned())),
        }
    }

    /// The group that a record belongs to, without the bounds of its time.
    fn name(&self, record: &StringRecord) -> String {
        let columns = self.header.iter().enumerate();
        let grouped = columns.filter(|(column, name)| {
            self.groups.get(*column) == Some("true") && !["_start", "_stop"].contains(name)
        });
        let parts = grouped.map(|(column, name)| format!("{name}={}", self.cell(record, column)));
        let name = parts.collect::<Vec<_>>().join(", ");
        let number = self.column("table").map(|column| self.cell(record, column));
        match (name.is_empty(), number) {
            (true, Some(number)) => format!("table {number}"),
            (_, _) => name,
        }
    }
}

fn malformed(what: &str) -> Unusable {
    Unusable::Malformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "#datatype,string,long,dateTime:RFC3339,double,string\r\n\
                        #group,false,false,false,false,true\r\n\
                        #default,_result,,,,\r\n\
                        ,result,table,_time,_value,host\r\n";

    fn values(text: &str) -> Vec<(String, Vec<Value>)> {
        let tables = read(text.as_bytes()).unwrap();
        let pairs = tables.into_iter().map(|table| (table.name, table.values));
        pairs.collect()
    }

    #[test]
    fn tables_are_told_apart() {
        use Value::{Missing, Number};
        let one =
            format!("{HEAD},,0,2023-11-14T22:13:00Z,1.5,a\r\n,,0,2023-11-14T22:14:00Z,,a\r\n");
        let tables = [("host=a".to_owned(), vec![Number(1.5), Missing])];
        assert_eq!(values(&one), tables);
        let two = format!("{one}\r\n{HEAD},,1,2023-11-14T22:13:00Z,NaN,\"b, \"\"c\"\"\"\r\n\r\n");
        let found = values(&two);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].0, "host=b, \"c\"");
        assert!(matches!(found[1].1.as_slice(), [Number(number)] if number.is_nan()));
        let same_schema = format!("{HEAD},,0,t,1,a\n,,1,t,2,b\n");
        assert_eq!(values(&same_schema).len(), 2);
    }

    #[test]
    fn other_types() {
        let long = HEAD.replace("double", "long");
        assert_eq!(
            values(&format!("{long},,0,t,7,a\n"))[0].1,
            [Value::Number(7.0)]
        );
        let text = HEAD.replace("double", "string");
        let other = Value::Other("string".to_owned());
        assert_eq!(values(&format!("{text},,0,t,7,a\n"))[0].1, [other]);
    }

    #[test]
    fn nothing_is_no_table() {
        for text in ["", "\r\n", "\r\n\r\n", HEAD] {
            assert_eq!(values(text), [], "{text:?}");
        }
    }

    #[test]
    fn errors_stand_in_tables() {
        let plain = "error,reference\r\nFailed to parse query,897\r\n";
        let annotated = "#datatype,string,long\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,Failed to parse query,897\r\n";
        let late = format!("{HEAD},,0,t,1,a\r\n\r\n{annotated}");
        for text in [plain, annotated, &late] {
            let refused = Unusable::Refused("Failed to parse query".to_owned());
            assert_eq!(read(text.as_bytes()), Err(refused), "{text}");
        }
    }

    #[test]
    fn what_is_no_table() {
        for text in [
            "hello\nworld",
            "{\"a\": 1}\n{}",
            &format!("{HEAD},,0,t,many,a\n"),
            &format!("{HEAD},,0,t,1"),
            "#datatype,string,long\n#group,false",
            "#datatype,string,long\n,result,table\n,_result,0\n",
        ] {
            assert!(
                matches!(read(text.as_bytes()), Err(Unusable::Malformed(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(text in "(#(datatype|group|default)|[,\"\r\n a_value]|result|table|error){0,60}") {
            drop(read(text.as_bytes()));
        }
    }
}
