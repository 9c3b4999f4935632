//! A charter's document as text that is changed in place: what is not touched stays as people wrote
//! it, comments and all.

use interlock_engine::charter::Charter;
use interlock_record::{FeedId, MemberId};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::changes::Last;
use super::member::{MemberLine, QuotaLine};
use crate::exit::Failure;

/// The next version's document.
#[derive(Debug)]
pub(super) struct NextDocument(DocumentMut);

impl NextDocument {
    /// Begins with what `previous` says.
    pub(super) fn after(previous: &Charter) -> anyhow::Result<Self> {
        let mut this = Self(previous.text.parse()?);
        let root = this.0.as_table_mut();
        root.remove("resolves");
        this.set("version", value(i64::from(previous.version) + 1));
        this.set("previous", value(previous.id().to_string()));
        Ok(this)
    }

    /// Sets a key of the document itself.
    pub(super) fn set(&mut self, key: &str, item: Item) {
        set(self.0.as_table_mut(), key, item);
    }

    /// Sets one of the limits.
    pub(super) fn set_limit(&mut self, key: &str, item: Item) -> Result<(), Failure> {
        let limits = self.0.as_table_mut().entry("limits").or_insert_with(toml_edit::table);
        let limits = limits.as_table_like_mut().ok_or_else(|| not("limits", "a table"))?;
        limits.insert(key, item);
        Ok(())
    }

    /// Puts another policy in the place of the one there is.
    pub(super) fn set_policy(&mut self, policy: &str) -> anyhow::Result<()> {
        let policy: DocumentMut = policy.parse()?;
        self.set("policy", Item::Table(policy.into_table()));
        Ok(())
    }

    /// Adds a member.
    pub(super) fn add_member(&mut self, member: &MemberLine) -> anyhow::Result<()> {
        let member: DocumentMut = toml::to_string(member)?.parse()?;
        let mut member = member.into_table();
        apart(&mut member);
        tables(self.0.as_table_mut(), "member")?.push(member);
        Ok(())
    }

    /// Sets a key of a member.
    pub(super) fn set_member(
        &mut self,
        id: MemberId,
        key: &str,
        item: Item,
    ) -> Result<(), Failure> {
        set(self.member(id)?, key, item);
        Ok(())
    }

    /// Adds a feed.
    pub(super) fn add_feed(&mut self, feed: FeedId, keys: &[(&str, Item)]) -> Result<(), Failure> {
        let mut table = Table::new();
        table.insert("number", value(i64::from(feed.number.0)));
        for (key, item) in keys {
            table.insert(key, item.clone());
        }
        apart(&mut table);
        tables(self.member(feed.member)?, "feed")?.push(table);
        Ok(())
    }

    /// Sets a key of a feed, or takes it away.
    pub(super) fn set_feed(
        &mut self,
        feed: FeedId,
        key: &str,
        item: Option<Item>,
    ) -> Result<(), Failure> {
        let number = i64::from(feed.number.0);
        let mut feeds = tables(self.member(feed.member)?, "feed")?.iter_mut();
        let named =
            |table: &&mut Table| table.get("number").and_then(Item::as_integer) == Some(number);
        let table = feeds.find(named).ok_or_else(|| unnamed(&format!("feed {feed}")))?;
        match item {
            Some(item) => set(table, key, item),
            None => drop(table.remove(key)),
        }
        Ok(())
    }

    fn member(&mut self, id: MemberId) -> Result<&mut Table, Failure> {
        let mut members = tables(self.0.as_table_mut(), "member")?.iter_mut();
        let named =
            |table: &&mut Table| table.get("id").and_then(Item::as_str) == Some(id.as_str());
        members.find(named).ok_or_else(|| unnamed(&format!("member {id}")))
    }

    /// The text.
    pub(super) fn text(mut self) -> String {
        // Tables come in the order in which they stand in the document, added ones in their place.
        unplaced(self.0.as_table_mut());
        self.0.to_string()
    }
}

fn unnamed(what: &str) -> Failure {
    Failure::bad_input(format!("the charter does not name {what}"))
}

fn not(key: &str, what: &str) -> Failure {
    Failure::bad_input(format!("{key}: expected {what}"))
}

/// Sets a key; one that is there keeps its comments.
fn set(table: &mut Table, key: &str, item: Item) {
    match table.get_mut(key) {
        Some(Item::Value(old)) if item.is_value() => {
            let decor = old.decor().clone();
            if let Item::Value(mut new) = item {
                *new.decor_mut() = decor;
                *old = new;
            }
        }
        Some(old) => *old = item,
        None => drop(table.insert(key, item)),
    }
}

/// A list of tables, however it was written.
fn tables<'a>(table: &'a mut Table, key: &str) -> Result<&'a mut ArrayOfTables, Failure> {
    let item = table.get_mut(key).ok_or_else(|| not(key, "a list of tables"))?;
    if !item.is_array_of_tables() {
        let list = std::mem::take(item).into_array_of_tables();
        *item = list.map_or_else(|item| item, Item::ArrayOfTables);
    }
    item.as_array_of_tables_mut().ok_or_else(|| not(key, "a list of tables"))
}

/// An empty line before a table that is added.
fn apart(table: &mut Table) {
    table.decor_mut().set_prefix("\n");
}

fn unplaced(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => unplaced(table),
            Item::ArrayOfTables(list) => list.iter_mut().for_each(unplaced),
            Item::None | Item::Value(_) => {}
        }
    }
}

/// A quota in the document.
pub(super) fn quota_item(quota: &QuotaLine) -> Result<Item, Failure> {
    let flags = i64::try_from(quota.flags).map_err(|_| not("quota", "fewer flags"))?;
    Ok(inline([("flags", flags.into()), ("window", quota.window.to_string().into())]))
}

/// The end of a feed in the document.
pub(super) fn last_item(last: Last) -> Result<Item, Failure> {
    let sequence = i64::try_from(last.sequence).map_err(|_| not("last", "a sequence number"))?;
    let id = last.id.map(|id| ("id", id.to_string().into()));
    Ok(inline([("sequence", sequence.into())].into_iter().chain(id)))
}

/// A table in one line.
pub(super) fn inline(keys: impl IntoIterator<Item = (&'static str, Value)>) -> Item {
    let table: InlineTable = keys.into_iter().collect();
    value(table)
}

#[cfg(test)]
mod tests {
    use interlock_record::{FeedNumber, SigningKey, hex};

    use super::*;

    fn charter(members: &str) -> Charter {
        let digest = hex(&[5; 32]);
        let text = format!(
            "# ours\nformat = 1\nname = \"n\" # north\nversion = 1\nrules = 1\nnonce = \"{digest}\"\n\
             pepper_epoch = 1\npepper_check = \"{digest}\"\n{members}\n[policy]\nversion = 1\n"
        );
        Charter::parse("c.toml", &text).expect("no mistake")
    }

    fn key(number: u8) -> String {
        SigningKey::from_seed([number; 32]).public().to_string()
    }

    fn feed(member: &str, number: u32) -> FeedId {
        FeedId { member: member.parse().expect("an id"), number: FeedNumber(number) }
    }

    fn two() -> String {
        format!(
            "[[member]]\nid = \"a\" # the eldest\naddress = \"h:1\"\n[[member.feed]]\nnumber = 1\nkey = \"{}\"\n\
             [[member]]\nid = \"b\"\naddress = \"h:2\"\n[[member.feed]]\nnumber = 1\nkey = \"{}\"\n",
            key(1),
            key(2)
        )
    }

    fn finished(mut next: NextDocument, previous: &Charter) -> Charter {
        next.set("issued_at", value("2026-01-01T00:00:00Z"));
        next.set("effective_from", value("2026-01-01T00:00:00Z"));
        let text = next.text();
        let charter =
            Charter::parse("next.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        charter.may_follow(previous).unwrap_or_else(|error| panic!("{error}\n{text}"));
        charter
    }

    #[test]
    fn what_is_not_touched_stays_as_it_was_written() {
        let previous = charter(&two());
        let mut next = NextDocument::after(&previous).expect("a document");
        next.set("name", value("m"));
        let after = finished(next, &previous);
        for kept in ["# ours\n", "# north\n", "id = \"a\" # the eldest\n"] {
            assert!(after.text.contains(kept), "{kept:?} in {}", after.text);
        }
        assert_eq!((after.version, after.name.as_str()), (2, "m"));
    }

    #[test]
    fn what_is_added_belongs_to_its_member() {
        let previous = charter(&two());
        let mut next = NextDocument::after(&previous).expect("a document");
        let last = Last { sequence: 0, id: None };
        next.set_feed(feed("a", 1), "last", Some(last_item(last).expect("small"))).expect("named");
        next.add_feed(feed("a", 2), &[("key", value(key(3)))]).expect("named");
        let line = format!("c=h:3={},quota=5/1h", key(4));
        next.add_member(&line.parse().expect("a member")).expect("a document");
        next.set_limit("retention", value("10d")).expect("a table");
        let after = finished(next, &previous);
        let feeds = |member: &str| after.members[&member.parse().expect("an id")].feeds.len();
        assert_eq!((feeds("a"), feeds("b"), feeds("c")), (2, 1, 1));
        assert!(after.feed(feed("a", 1)).is_some_and(|feed| feed.last.is_some()));
        assert_eq!(after.limits.retention.to_string(), "10d");
        // And once more, from what was written.
        let next = NextDocument::after(&after).expect("a document");
        assert_eq!(next.text().matches("[[member]]").count(), 3);
    }

    #[test]
    fn members_written_in_one_line_can_be_changed_too() {
        let inline = format!(
            "member = [{{ id = \"a\", address = \"h:1\", feed = [{{ number = 1, key = \"{}\" }}] }}]\n",
            key(1)
        );
        let previous = charter(&inline);
        let mut next = NextDocument::after(&previous).expect("a document");
        next.add_feed(feed("a", 2), &[("key", value(key(3)))]).expect("named");
        next.set_member("a".parse().expect("an id"), "group", value("g")).expect("named");
        let after = finished(next, &previous);
        let member = &after.members[&"a".parse().expect("an id")];
        assert_eq!((member.feeds.len(), member.group.as_str()), (2, "g"));
    }

    #[test]
    fn another_policy_takes_the_place_of_the_old_one() {
        let previous = charter(&two());
        let mut next = NextDocument::after(&previous).expect("a document");
        let policy = "# new\nversion = 1\nnotice_delay = \"9s\"\n[reason.OVERDUE]\npoints = { LOW = 1, MEDIUM = 2, HIGH = 3, CRITICAL = 4 }\nmax_life = \"5d\"\nceiling = \"LOCK\"\n";
        next.set_policy(policy).expect("a document");
        let after = finished(next, &previous);
        assert_eq!(after.policy.notice_delay.to_string(), "9s");
        assert!(after.text.contains("# new\n") && after.text.contains("[policy.reason.OVERDUE]"));
    }

    #[test]
    fn who_is_not_named_cannot_be_changed() {
        let mut next = NextDocument::after(&charter(&two())).expect("a document");
        let error = next.set_feed(feed("a", 9), "quota", None).expect_err("no such feed");
        assert_eq!(error.to_string(), "the charter does not name feed a/9");
    }
}
