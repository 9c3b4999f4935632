//! Writes the corpus's seeds into this crate's `corpus/`; what else is there stays.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for seed in interlock_fuzzing::seeds::seeds() {
        let dir = corpus.join(seed.target);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(seed.name), seed.bytes)?;
    }
    Ok(())
}
