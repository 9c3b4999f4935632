//! A signer outside: good ones sign, and whatever a bad one does, the node gets an error in time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

use interlock_record::{SigningKey, sign_checked};

use super::*;

fn key() -> SigningKey {
    SigningKey::from_seed([6; 32])
}

/// A signer at a socket that answers each line by `answer`; nothing: it hangs up.
fn serving(
    answer: impl Fn(&str) -> Option<String> + Send + 'static,
) -> (tempfile::TempDir, Way, std::thread::JoinHandle<()>) {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).expect("it is ours");
    let served = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("it connects");
            let lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
            for line in lines.map_while(Result::ok) {
                if line == "end" {
                    return;
                }
                let Some(answer) = answer(&line) else { break };
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (dir, Way::Socket(path), served)
}

fn end(way: &Way, served: std::thread::JoinHandle<()>) {
    let Way::Socket(path) = way else { unreachable!("a socket") };
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(b"end\n").expect("it listens");
    served.join().expect("no panic");
}

fn well(line: &str) -> String {
    match Question::parse(line) {
        Ok(Question::Public) => Answer::Ok(key().public().as_bytes().to_vec()),
        Ok(Question::Sign { domain, payload }) => {
            Answer::Ok(key().sign(domain, &payload).as_bytes().to_vec())
        }
        Err(error) => Answer::Refused { code: "NO".into(), text: error.to_string() },
    }
    .to_string()
        + "\n"
}

fn sign(signer: &dyn Signer) -> Result<Signature, SigningFailed> {
    sign_checked(signer, Domain::Record, b"header")
}

#[test]
fn a_good_signer_signs_also_after_it_hung_up() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let (_dir, way, served) = serving(move |line| {
        // Every third question ends the connection unanswered: it is asked again over a new one.
        let count = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (count % 3 != 2).then(|| well(line))
    });
    let signer = ExternalSigner::connect(way.clone(), key().public()).expect("its key");
    for _ in 0..10 {
        sign(&signer).expect("it signs");
    }
    drop(signer);
    end(&way, served);
}

#[test]
fn a_signer_with_another_key_is_found_out_at_the_start_and_at_each_signature() {
    let (_dir, way, served) = serving(|line| Some(well(line)));
    let other = SigningKey::from_seed([7; 32]).public();
    let error = ExternalSigner::connect(way.clone(), other).expect_err("another key").to_string();
    assert!(error.contains(&key().public().to_string()) && error.contains("charter"), "{error}");
    end(&way, served);

    let public = format!("ok {}\n", interlock_record::hex(other.as_bytes()));
    let (_dir, way, served) = serving(move |line| {
        Some(if line.ends_with("public") { public.clone() } else { well(line) })
    });
    let signer = ExternalSigner::connect(way.clone(), other).expect("it says so");
    assert_eq!(sign(&signer), Err(SigningFailed::WrongSignature { expected: Box::new(other) }));
    drop(signer);
    end(&way, served);
}

#[test]
fn nonsense_is_an_error_and_the_next_answer_is_not_taken_for_this_one() {
    for nonsense in
        ["\n", "yes\n", "ok zz\n", "ok 00\n", "ok\n", &format!("ok {}\n", "0".repeat(9_000))]
    {
        let text = nonsense.to_owned();
        let (_dir, way, served) = serving(move |line| {
            Some(if line.ends_with("public") { well(line) } else { text.clone() })
        });
        let signer = ExternalSigner::connect(way.clone(), key().public()).expect("its key");
        let failed = sign(&signer);
        assert!(matches!(failed, Err(SigningFailed::Unanswered(_))), "{nonsense:?}: {failed:?}");
        drop(signer);
        end(&way, served);
    }
    // Two answers to one question: the second is not the next one's.
    let (_dir, way, served) = serving(|line| Some(well(line) + "ok 00\n"));
    let signer = ExternalSigner::connect(way.clone(), key().public()).expect("its key");
    for _ in 0..3 {
        assert!(!matches!(sign(&signer), Err(SigningFailed::WrongSignature { .. })));
    }
    drop(signer);
    end(&way, served);
}

#[test]
fn a_refusal_is_told_and_the_signer_asked_again_at_once() {
    let (_dir, way, served) = serving(|line| {
        Some(if line.ends_with("public") { well(line) } else { "refused OLDER it is old\n".into() })
    });
    let signer = ExternalSigner::connect(way.clone(), key().public()).expect("its key");
    for _ in 0..3 {
        assert_eq!(sign(&signer), Err(SigningFailed::Refused("OLDER: it is old".into())));
    }
    drop(signer);
    end(&way, served);
}

#[test]
fn a_silent_signer_is_asked_twice_and_then_left_alone() {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("socket");
    let _listener = UnixListener::bind(&path).expect("it is ours");
    let signer =
        ExternalSigner { way: Way::Socket(path), key: key().public(), state: Mutex::default() };
    let start = Instant::now();
    let failed = sign(&signer).expect_err("nobody answers");
    assert!(failed.may_have_signed(), "{failed:?}");
    let failed = failed.to_string();
    assert!(failed.contains("no answer within 2s"), "{failed}");
    assert!(start.elapsed() >= SIGNER_PATIENCE * 2 && start.elapsed() < SIGNER_PATIENCE * 3);
    let again = Instant::now();
    let failed = sign(&signer).expect_err("it is left alone");
    assert!(!failed.may_have_signed(), "it was not asked: {failed:?}");
    assert!(again.elapsed() < SIGNER_REST, "refused at once: {:?}", again.elapsed());
}

#[test]
fn who_is_not_there_is_told_by_name() {
    let gone = Way::Socket("/nonexistent/socket".into());
    let error = ExternalSigner::connect(gone, key().public()).expect_err("gone").to_string();
    assert!(error.contains("/nonexistent/socket"), "{error}");
    for words in [vec!["/nonexistent/program".to_owned()], vec![]] {
        let error = ExternalSigner::connect(Way::Command(words), key().public());
        assert!(matches!(error, Err(SigningFailed::Unavailable(_))), "{error:?}");
    }
    let ends = ExternalSigner::connect(Way::Command(vec!["true".to_owned()]), key().public());
    assert!(matches!(ends, Err(SigningFailed::Unanswered(_))), "{ends:?}");
}

#[test]
fn a_command_is_started_once_and_again_when_it_has_ended() {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let public = key().public();
    // Answers with the key and ends after two questions; its starts are counted in a file.
    let script =
        format!("echo >> starts; for n in 1 2; do read -r line || exit; echo ok {public}; done");
    let words = ["env", "-C", &dir.path().display().to_string(), "sh", "-c", &script];
    let way = Way::Command(words.iter().map(ToString::to_string).collect());
    let signer = ExternalSigner::connect(way, public).expect("its key");
    let starts = || std::fs::read_to_string(dir.path().join("starts")).map_or(0, |it| it.len());
    assert_eq!(starts(), 1);
    for asked in 2..=6_usize {
        assert_eq!(signer.ask(&Question::Public), Ok(public.as_bytes().to_vec()));
        assert_eq!(starts(), asked.div_ceil(2), "after {asked} questions");
    }
}
