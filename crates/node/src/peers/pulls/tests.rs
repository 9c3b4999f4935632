//! What a pull's answer must be like.

use interlock_record::{
    ConsortiumId, FeedHead, FeedId, FeedNumber, SealContext, SigningKey, TAG_SCHEME, Time, seal,
};

use super::*;

fn feed(number: u32) -> FeedId {
    FeedId { member: "acme".parse().expect("a member id"), number: FeedNumber(number) }
}

/// The first records of a feed.
fn records(number: u32, count: i64) -> Vec<VerifiedRecord> {
    let key = SigningKey::from_seed([1; 32]);
    let mut head = FeedHead::empty();
    let sealed = (0..count).map(|n| {
        let context = SealContext {
            consortium: ConsortiumId([1; 32]),
            feed: feed(number),
            time: Time::from_micros(1_000_000 * (n + 1)).expect("in range"),
            charter_version: 1,
            tag_scheme: TAG_SCHEME,
            pepper_epoch: 1,
        };
        let record = seal(&key, &head, context, vec![([7; 16], vec![1, 2, 3])]).expect("sealed");
        head = head.next(&record).expect("it follows");
        record
    });
    sealed.collect()
}

#[test]
fn only_what_was_asked_for_is_taken_and_once() {
    let (one, two) = (records(1, 5), records(2, 5));
    let ranges = [
        PullRange { feed: feed(1), first: 2, last: 4, head: None },
        PullRange { feed: feed(2), first: 1, last: 2, head: None },
    ];
    let check = |chunks: &[&[VerifiedRecord]]| {
        let mut expected = Expected::new(&ranges);
        chunks.iter().try_for_each(|chunk| expected.check(chunk.to_vec()).map(drop))
    };
    let refused = |chunks: &[&[VerifiedRecord]]| check(chunks).expect_err("not asked for").code;
    assert_eq!(check(&[&one[1..4], &two[..2]]), Ok(()));
    assert_eq!(check(&[&one[1..2], &one[2..3], &two[..1], &two[1..2]]), Ok(()));
    // The peer may have fewer than it said.
    assert_eq!(check(&[&one[1..2], &two[1..2]]), Ok(()));
    assert_eq!(check(&[&two[..1]]), Ok(()));
    assert_eq!(refused(&[&one[..1]]), "NOT_ASKED");
    assert_eq!(refused(&[&one[1..5]]), "NOT_ASKED");
    assert_eq!(refused(&[&one[1..3], &one[1..3]]), "NOT_ASKED");
    assert_eq!(refused(&[&two[..1], &one[1..2]]), "NOT_ASKED");
    assert_eq!(refused(&[&two[..2], &two[2..3]]), "NOT_ASKED");
    assert_eq!(refused(&[&records(3, 1)]), "NOT_ASKED");
}

#[tokio::test(start_paused = true)]
async fn whoever_lets_records_drip_is_not_waited_for() {
    let begun = Instant::now();
    let mut patience = Patience::default();
    let drip = || tokio::time::sleep(Duration::from_secs(9));
    while patience.wait(drip()).await.is_ok() {
        patience.earned(400);
    }
    assert_eq!(begun.elapsed().as_secs(), CHUNK_PATIENCE.as_secs());
    // At the least rate it may go on for ever.
    let mut patience = Patience::default();
    for _ in 0..1_000 {
        patience.wait(drip()).await.expect("it is fast enough");
        patience.earned(9 * 16 * 1_024);
    }
}
