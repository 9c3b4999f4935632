//! What is listed in pages: how long they are, and where one goes on.

use interlock_engine::ledger::rows::LocalRow;
use interlock_engine::ledger::{LedgerFault, Row};
use interlock_record::{Measure, SubjectTag, hex, unhex};
use interlock_wire::{Violations, v1};
use tonic::Status;

use super::platform::decode_row;
use super::{answers, people};

/// How many entries a page has unless asked otherwise, and at most.
pub(super) type PageSize = (u32, u32);

/// A page of the queue: each item comes with its flags.
pub(super) const QUEUE_PAGE: PageSize = (50, 100);
/// Any other page.
pub(super) const ANY_PAGE: PageSize = (100, 1_000);
/// The most flags of one item of the queue.
const MAX_ITEM_FLAGS: usize = 16;
/// The most rows that are read for one page of acts.
pub(super) const MAX_SCANNED: usize = 4_096;
/// Behind every key of the columns that are listed.
pub(super) const END: [u8; 128] = [0xff; 128];

/// The size of a page, and the key behind which it begins.
pub(super) fn page(
    limit: u32,
    page: &str,
    (default, most): PageSize,
) -> Result<(usize, Vec<u8>), Box<Status>> {
    let mut violations = Violations::default();
    let limit = if limit == 0 { default } else { limit };
    if limit > most {
        violations.add("limit", format!("expected 1 to {most}, got {limit}"));
    }
    let from = match page {
        "" => Ok(Vec::new()),
        page => unhex(page)
            .filter(|key| key.len() <= END.len())
            .map(|mut key| {
                key.push(0);
                key
            })
            .ok_or("expected a page as the node gave it"),
    };
    let from = violations.check("page", from);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    violations.finish(from.map(|from| (limit, from)))
}

/// Where the next page begins, if this one is full.
pub(super) fn next_page(last: Option<&Vec<u8>>, got: usize, limit: usize) -> String {
    last.filter(|_| got == limit).map(|key| hex(key)).unwrap_or_default()
}

/// A page of acts out of rows that were read, of which many may have none.
pub(super) fn acts_page(rows: &[Row], limit: usize) -> Result<v1::ListLocalResponse, LedgerFault> {
    let mut listed = v1::ListLocalResponse::default();
    for (read, (key, value)) in (1..).zip(rows) {
        let local = decode_row::<LocalRow>(value)?;
        if let Some(subject) = SubjectTag::from_slice(key).filter(|_| local.has_acts()) {
            listed.subjects.push(people::local_part(subject, &local));
        }
        let full = listed.subjects.len() == limit && read < rows.len();
        if full || read == MAX_SCANNED {
            listed.next_page = hex(key);
            break;
        }
    }
    Ok(listed)
}

/// The flags that support a measure, the weightiest first, and how many there are in all.
pub(super) fn weightiest(
    mut flags: Vec<v1::FlagAccount>,
    measure: Measure,
) -> (Vec<v1::FlagAccount>, u32) {
    flags.retain(|flag| flag.points > 0 && flag.supports >= answers::wire(measure));
    flags.sort_by_key(|flag| std::cmp::Reverse(flag.points));
    let count = u32::try_from(flags.len()).unwrap_or(u32::MAX);
    flags.truncate(MAX_ITEM_FLAGS);
    (flags, count)
}

#[cfg(test)]
mod tests {
    use interlock_engine::ledger::rows::{ActRow, StoredRow as _};

    use super::*;

    #[test]
    fn pages_have_a_greatest_size_and_a_place_to_go_on_from() {
        for size in [QUEUE_PAGE, ANY_PAGE] {
            let (default, most) = size;
            let limit = |asked| page(asked, "", size).map(|(limit, _)| limit).ok();
            assert_eq!(limit(0), usize::try_from(default).ok());
            assert_eq!((limit(1), limit(most - 1)), (Some(1), usize::try_from(most - 1).ok()));
            assert_eq!(limit(most), usize::try_from(most).ok());
            assert_eq!(limit(most + 1), None);
        }
        let from = |text: &str| page(1, text, ANY_PAGE).map(|(_, from)| from).ok();
        assert_eq!(from("ab"), Some(vec![0xab, 0]));
        assert!(from(&"ab".repeat(END.len())).is_some());
        assert_eq!(from(&"ab".repeat(END.len() + 1)), None);
        assert_eq!(from("no page"), None);
        assert_eq!(next_page(Some(&vec![0xab]), 5, 5), "ab");
        assert_eq!(next_page(Some(&vec![0xab]), 4, 5), "");
    }

    #[test]
    fn an_item_shows_its_weightiest_flags() {
        let flag = |points: u64, supports: v1::Measure| v1::FlagAccount {
            points,
            supports: supports.into(),
            ..Default::default()
        };
        let lock = v1::Measure::Lock;
        for count in [MAX_ITEM_FLAGS - 1, MAX_ITEM_FLAGS, MAX_ITEM_FLAGS + 1] {
            let flags = (1..=count as u64).map(|points| flag(points, lock));
            let others = [flag(99, v1::Measure::Review), flag(0, lock)];
            let (shown, all) = weightiest(flags.chain(others).collect(), Measure::Lock);
            assert_eq!((shown.len(), all as usize), (count.min(MAX_ITEM_FLAGS), count));
            assert!(shown.is_sorted_by_key(|flag| std::cmp::Reverse(flag.points)));
            assert_eq!(shown[0].points, count as u64);
        }
    }

    #[test]
    fn a_page_of_acts_ends_with_its_size_or_with_what_may_be_read() {
        let empty = LocalRow { would: Some(1), ..LocalRow::default() };
        let acted = LocalRow { exemption: Some(ActRow::default()), ..LocalRow::default() };
        let rows = |count: usize, row: &LocalRow| -> Vec<Row> {
            let key = |number: usize| {
                let mut key = vec![0; 32];
                key[..8].copy_from_slice(&(number as u64).to_be_bytes());
                key
            };
            (0..count).map(|number| (key(number), row.encode())).collect()
        };
        let page = |rows: &[Row], limit| {
            let page = acts_page(rows, limit).expect("good rows");
            (page.subjects.len(), !page.next_page.is_empty())
        };
        assert_eq!(page(&rows(2, &acted), 3), (2, false));
        assert_eq!(page(&rows(3, &acted), 3), (3, false));
        assert_eq!(page(&rows(4, &acted), 3), (3, true));
        assert_eq!(page(&rows(MAX_SCANNED - 1, &empty), 3), (0, false));
        assert_eq!(page(&rows(MAX_SCANNED, &empty), 3), (0, true));
    }
}
