//! PHP values that are made up: written in every format, and searched in a way that knows nothing of bytes.

use proptest::prelude::*;
use rustdb_core::contents::Format;

pub const FORMATS: [Format; 3] = [Format::Php, Format::PhpSerialize, Format::PhpBinary];

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// As PHP writes it.
    Float(String),
    Text(Vec<u8>),
    /// With every byte escaped.
    Escaped(Vec<u8>),
    Array(Vec<(Key, Value)>),
    Object(Vec<(Key, Value)>),
    /// An object that wrote itself, as these bytes.
    Custom(Vec<u8>),
    Enum,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    Int(i64),
    Text(String),
    Private(String),
    Protected(String),
}

#[derive(Debug, Clone)]
pub struct Session(pub Vec<(String, Value)>);

impl Key {
    pub fn name(&self) -> String {
        match self {
            Key::Int(number) => number.to_string(),
            Key::Text(name) | Key::Private(name) | Key::Protected(name) => name.clone(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Key::Int(number) => Value::Int(*number).write(out),
            Key::Text(name) => text(name.as_bytes(), out),
            Key::Private(name) => text(format!("\0A\\B\0{name}").as_bytes(), out),
            Key::Protected(name) => text(format!("\0*\0{name}").as_bytes(), out),
        }
    }
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        let plain = match self {
            Value::Null => "N;".to_owned(),
            Value::Bool(truth) => format!("b:{};", u8::from(*truth)),
            Value::Int(number) => format!("i:{number};"),
            Value::Float(written) => format!("d:{written};"),
            Value::Text(bytes) => return text(bytes, out),
            Value::Escaped(bytes) => {
                let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
                format!("S:{}:\"{escaped}\";", bytes.len())
            }
            Value::Array(members) => format!("a:{}:{{", members.len()),
            Value::Object(members) => format!("O:3:\"A\\B\":{}:{{", members.len()),
            Value::Custom(bytes) => format!("C:1:\"C\":{}:{{", bytes.len()),
            Value::Enum => "E:5:\"E:One\";".to_owned(),
        };
        out.extend_from_slice(plain.as_bytes());
        match self {
            Value::Array(members) | Value::Object(members) => {
                for (key, value) in members {
                    key.write(out);
                    value.write(out);
                }
                out.push(b'}');
            }
            Value::Custom(bytes) => {
                out.extend_from_slice(bytes);
                out.push(b'}');
            }
            _ => {}
        }
    }

    /// The text of a scalar.
    pub fn scalar(&self) -> Option<Vec<u8>> {
        match self {
            Value::Bool(truth) => Some(u8::from(*truth).to_string().into_bytes()),
            Value::Int(number) => Some(number.to_string().into_bytes()),
            Value::Float(written) => Some(written.clone().into_bytes()),
            Value::Text(bytes) | Value::Escaped(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }

    fn members(&self) -> &[(Key, Value)] {
        match self {
            Value::Array(members) | Value::Object(members) => members,
            _ => &[],
        }
    }
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("s:{}:\"", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\";");
}

impl Session {
    pub fn write(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::new();
        if format == Format::PhpSerialize {
            let members = self.0.iter().map(|(name, value)| (Key::Text(name.clone()), value.clone())).collect();
            Value::Array(members).write(&mut out);
            return out;
        }
        for (name, value) in &self.0 {
            if format == Format::PhpBinary {
                out.push(u8::try_from(name.len()).unwrap());
            }
            out.extend_from_slice(name.as_bytes());
            if format == Format::Php {
                out.push(b'|');
            }
            value.write(&mut out);
        }
        out
    }

    /// Every value with the keys that lead to it; those inside of one follow it.
    pub fn values(&self) -> Vec<(Vec<String>, &Value)> {
        fn add<'v>(keys: Vec<String>, value: &'v Value, all: &mut Vec<(Vec<String>, &'v Value)>) {
            all.push((keys.clone(), value));
            for (key, inner) in value.members() {
                add([&keys[..], &[key.name()]].concat(), inner, all);
            }
        }
        let mut all = Vec::new();
        for (name, value) in &self.0 {
            add(vec![name.clone()], value, &mut all);
        }
        all
    }

    /// The values that a path leads to.
    pub fn at(&self, keys: &[String]) -> Vec<&Value> {
        self.values().into_iter().filter(|(here, _)| leads(keys, here)).map(|(_, value)| value).collect()
    }

    /// The session with null at a path; `None` where not exactly one value is there.
    pub fn without(&self, keys: &[String]) -> Option<Session> {
        let at: Vec<_> =
            (0..).zip(self.values()).filter(|(_, (here, _))| leads(keys, here)).map(|(at, _)| at).collect();
        let [at] = at[..] else { return None };
        let mut rest = self.clone();
        rest.replace(at, &Value::Null);
        Some(rest)
    }

    /// Puts something else in the place of the value with this number in `values`.
    pub fn replace(&mut self, mut number: usize, by: &Value) {
        fn go(value: &mut Value, number: &mut usize, by: &Value) -> bool {
            if *number == 0 {
                *value = by.clone();
                return true;
            }
            *number -= 1;
            match value {
                Value::Array(members) | Value::Object(members) => {
                    members.iter_mut().any(|(_, value)| go(value, number, by))
                }
                _ => false,
            }
        }
        assert!(self.0.iter_mut().any(|(_, value)| go(value, &mut number, by)));
    }
}

/// Whether the keys of a path lead to where these keys are: one of them is one or several of the path's with dots.
fn leads(path: &[String], here: &[String]) -> bool {
    match here.split_first() {
        None => path.is_empty(),
        Some((key, inside)) => {
            (1..=path.len()).any(|taken| path[..taken].join(".") == *key && leads(&path[taken..], inside))
        }
    }
}

/// A path as it is written in a setting.
pub fn written(keys: &[String]) -> String {
    let escaped = |key: &String| key.replace('\\', "\\\\").replace('.', "\\.");
    keys.iter().map(escaped).collect::<Vec<_>>().join(".")
}

/// Names that resemble each other, so that paths meet: few letters, dots among them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]", "[ab.]{1,3}", "[a-zé_\\\\:;{}\"! ]{1,6}"]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        name().prop_map(Key::Text),
        any::<i64>().prop_map(Key::Int),
        (0..3i64).prop_map(Key::Int),
        "s:[0-9]:\"x\";".prop_map(Key::Text),
    ]
}

fn property() -> impl Strategy<Value = Key> {
    prop_oneof![name().prop_map(Key::Text), name().prop_map(Key::Private), name().prop_map(Key::Protected)]
}

pub fn value() -> impl Strategy<Value = Value> {
    let float = prop_oneof![
        any::<f64>().prop_filter("PHP names these", |float| float.is_finite()).prop_map(|float| float.to_string()),
        prop::sample::select(vec!["NAN", "INF", "-INF", "1.0E+25", "-1.5E-7", "-0"]).prop_map(str::to_owned),
    ];
    let bytes = || {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            prop::sample::select(vec!["\";", "}", "a|i:1;", "s:1:\"a\";"]).prop_map(|text| text.as_bytes().to_vec()),
        ]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::Enum),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        float.prop_map(Value::Float),
        bytes().prop_map(Value::Text),
        bytes().prop_map(Value::Escaped),
        // What may be a reference is another test's.
        bytes()
            .prop_filter("no reference", |bytes| !bytes.windows(2).any(|pair| matches!(pair, b"R:" | b"r:")))
            .prop_map(Value::Custom),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec((key(), inner.clone()), 0..4).prop_map(Value::Array),
            proptest::collection::vec((property(), inner), 0..4).prop_map(Value::Object),
        ]
    })
}

/// A session with different names, as PHP would write it in every format.
pub fn session() -> impl Strategy<Value = Session> {
    proptest::collection::vec((name(), value()), 1..5).prop_map(|mut variables| {
        let mut names = std::collections::HashSet::new();
        variables.retain(|(name, _)| names.insert(name.clone()));
        Session(variables)
    })
}
