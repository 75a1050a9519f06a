//! Sessions that are made up, with every value looked for.

use proptest::prelude::*;
use rustdb_core::contents::{Path, find, same_but_for};

use crate::tree::{FORMATS, Session, Value, session, value, written};

proptest! {
    #[test]
    fn every_value_is_found_at_its_path(session in session()) {
        for (keys, _) in session.values() {
            let path = Path::parse(&written(&keys)).unwrap();
            let first = session.at(&keys).into_iter().find_map(Value::scalar);
            for format in FORMATS {
                let payload = session.write(format);
                let found = find(&payload, format, &path).map(|scalar| scalar.into_bytes().into_owned());
                prop_assert_eq!(&found, &first, "{:?} {:?}", format, keys);
            }
        }
    }

    #[test]
    fn what_is_at_no_path_is_not_found(session in session(), keys in proptest::collection::vec("[abc]", 1..4)) {
        let path = Path::parse(&written(&keys)).unwrap();
        let first = session.at(&keys).into_iter().find_map(Value::scalar);
        for format in FORMATS {
            let payload = session.write(format);
            let found = find(&payload, format, &path).map(|scalar| scalar.into_bytes().into_owned());
            prop_assert_eq!(&found, &first);
        }
    }

    #[test]
    fn a_changed_value_is_no_change_at_its_path_alone(
        session in session(),
        changed in any::<prop::sample::Index>(),
        asked in any::<prop::sample::Index>(),
        by in value(),
    ) {
        let values = session.values();
        let (changed, asked) = (changed.index(values.len()), asked.index(values.len()));
        let (there, asked) = (values[changed].0.clone(), values[asked].0.clone());
        let mut other = session.clone();
        other.replace(changed, &by);
        for keys in [there, asked] {
            let path = [Path::parse(&written(&keys)).unwrap()];
            for format in FORMATS {
                let (old, new) = (session.write(format), other.write(format));
                // With one value at the path in both, and the same in the place of it, nothing else may differ.
                let rest = |session: &Session| Some(session.without(&keys)?.write(format));
                let alone = rest(&session).is_some_and(|old| rest(&other) == Some(old));
                let expected = old == new || alone;
                prop_assert_eq!(same_but_for(&old, &new, format, &path), expected, "{:?} {:?}", format, keys);
            }
        }
    }
}
