//! Values as JSON, for outcomes in reports.

use serde_json::{Map, Number, Value as Json};

use super::Value;

/// How many levels become JSON; what is nested deeper is shown as text. Readers of JSON limit its depth, serde_json to
/// 128 levels. A level of ours takes up to two of JSON, and the report around the value takes some.
const MAX_JSON_DEPTH: usize = 50;

impl Value {
    /// The value as JSON. Unlike the tokens, JSON loses something: `Some(x)` and newtypes are what they hold, `None`,
    /// `()` and unit structs are null, variants are tagged externally. What has no form in JSON is a string (NaN,
    /// infinities, integers beyond 64 bits) or an array of pairs (a map whose keys are not strings).
    pub fn to_json(&self) -> Json {
        json(self, MAX_JSON_DEPTH)
    }
}

fn json(value: &Value, depth: usize) -> Json {
    let Some(depth) = depth.checked_sub(1) else {
        return value.to_string().into();
    };
    match value {
        Value::Unit | Value::None | Value::UnitStruct(_) => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::I(value) => i64::try_from(*value).map_or_else(|_| value.to_string().into(), Json::from),
        Value::U(value) => u64::try_from(*value).map_or_else(|_| value.to_string().into(), Json::from),
        // By way of the text: 0.1 is to stay 0.1, not to become 0.10000000149011612.
        Value::F32(value) => float(value.to_string().parse().unwrap_or(f64::from(*value))),
        Value::F64(value) => float(*value),
        Value::Char(value) => value.to_string().into(),
        Value::Str(value) => value.as_str().into(),
        Value::Bytes(value) => value.as_slice().into(),
        Value::Some(value) | Value::NewtypeStruct(_, value) => json(value, depth),
        Value::Seq(elements) | Value::Tuple(elements) | Value::Set(elements) | Value::TupleStruct(_, elements) => {
            array(elements, depth)
        }
        Value::Map(entries) => map(entries, depth),
        Value::Struct(_, fields) => object(fields, depth),
        Value::UnitVariant(name) | Value::Opaque(name) => name.as_ref().into(),
        Value::NewtypeVariant(name, value) => tagged(name, json(value, depth)),
        Value::TupleVariant(name, elements) => tagged(name, array(elements, depth)),
        Value::StructVariant(name, fields) => tagged(name, object(fields, depth)),
    }
}

fn float(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| format!("{value:?}").into(), Json::Number)
}

fn array(elements: &[Value], depth: usize) -> Json {
    elements.iter().map(|element| json(element, depth)).collect()
}

fn object(fields: &[(Box<str>, Value)], depth: usize) -> Json {
    fields.iter().map(|(name, value)| (name.to_string(), json(value, depth))).collect()
}

fn map(entries: &[(Value, Value)], depth: usize) -> Json {
    let mut object = Map::new();
    for (key, value) in entries {
        let name = match key {
            Value::Str(name) => name.clone(),
            Value::UnitVariant(name) => name.to_string(),
            Value::Char(name) => name.to_string(),
            _ => return pairs(entries, depth),
        };
        if object.insert(name, json(value, depth)).is_some() {
            return pairs(entries, depth);
        }
    }
    Json::Object(object)
}

fn pairs(entries: &[(Value, Value)], depth: usize) -> Json {
    entries.iter().map(|(key, value)| Json::Array(vec![json(key, depth), json(value, depth)])).collect()
}

fn tagged(name: &str, content: Json) -> Json {
    Json::Object(Map::from_iter([(name.to_owned(), content)]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::value::{to_tokens, tree};

    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Shape {
        Empty,
        Circle(u8),
        Box(u8, u8),
        Named { side: u8 },
    }

    #[derive(Serialize)]
    struct Id(u8);

    #[derive(Serialize)]
    struct Unit;

    fn of<T: Serialize>(value: T) -> Json {
        tree(&to_tokens(&value).unwrap()).unwrap().to_json()
    }

    #[test]
    fn values_become_the_json_that_a_reader_expects() {
        let table = [
            (of((1, "a", 'b', true, ())), json!([1, "a", "b", true, null])),
            (of((None::<u8>, Some(Some(1)), Unit, Id(7))), json!([null, 1, null, 7])),
            (of((Shape::Empty, Shape::Circle(1))), json!(["Empty", {"Circle": 1}])),
            (of((Shape::Box(1, 2), Shape::Named { side: 3 })), json!([{"Box": [1, 2]}, {"Named": {"side": 3}}])),
            (of([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]), json!(["NaN", "inf", "-inf"])),
            (of((0.1_f32, 1.5)), json!([0.1, 1.5])),
            (of((u64::MAX, i64::MIN)), json!([u64::MAX, i64::MIN])),
            (of((u128::MAX, i128::MIN)), json!([u128::MAX.to_string(), i128::MIN.to_string()])),
            (of(BTreeMap::from([("k", 1)])), json!({"k": 1})),
            (of(BTreeMap::from([(Shape::Empty, 1)])), json!({"Empty": 1})),
            (of(BTreeMap::from([((1, 2), 3)])), json!([[[1, 2], 3]])),
            (Value::Bytes(vec![1, 255]).to_json(), json!([1, 255])),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn json_is_never_nested_deeper_than_readers_allow() {
        let mut seq = Value::Unit;
        let mut map = Value::Unit;
        let mut variant = Value::Unit;
        for _ in 0..500 {
            seq = Value::Seq(vec![seq]);
            map = Value::map(vec![(Value::U(1), map)]);
            variant = Value::TupleVariant("V".into(), vec![variant]);
        }
        for value in [seq, map, variant] {
            let text = format!("[[[[[[{}]]]]]]", value.to_json());
            assert!(serde_json::from_str::<Json>(&text).is_ok());
        }
    }
}
