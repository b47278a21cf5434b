//! `[sync]`: a source and a folder, and as whom the source is read.

use super::super::table::{At, Faults, Table};
use super::super::{Principal, Sync};
use super::principals::{Named, Names, reader};
use super::{check, known};

/// The sync, and who reads its source: each of its functions, with a role of its own.
pub fn sync(mut table: Table, names: &Names, faults: &mut Faults) -> (Sync, Vec<Named>) {
    let (at, field) = table.place();
    let from = table.required("from", |text| known(text, names.places.keys(), "place"), faults);
    let to = table.optional("to", check::folder, faults);
    let section = At { value: "sync".to_owned(), at: at.clone(), field: field.clone() };
    let principal = reader(&section, vec![from.clone()], &mut table, names, faults);
    table.finish(faults);
    let readers = Sync::FUNCTIONS.map(|name| Named {
        name: At { value: name.to_owned(), at: at.clone(), field: field.clone() },
        principal: Principal::clone(&principal),
    });
    (Sync { from, to: to.unwrap_or_else(|| Sync::DEFAULT_FOLDER.to_owned()) }, readers.into())
}

/// Among the functions. One that is stated there as well would be stated twice.
pub fn join(functions: &mut Vec<Named>, readers: Vec<Named>, faults: &mut Faults) {
    for twice in functions.iter().filter(|function| Sync::FUNCTIONS.contains(&function.name.value.as_str())) {
        let problem = "a function of the sync, which [sync] states";
        faults.add(twice.name.at.clone(), &twice.name.field, problem, "leave it out");
    }
    functions.extend(readers);
}
