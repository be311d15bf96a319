//! A protocol's file that a user wrote, or somebody who means him ill.

use power::Library;

/// Longest reason that anybody reads, in bytes.
const MAX_REASON: usize = 2000;

/// Takes the bytes as a protocol's file: either every command of it makes a request or says why not, or the file is refused
/// with a reason; the protocols of the program stay.
///
/// # Panics
/// When neither is so.
pub fn power_protocol(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut library = Library::new();
    match library.add("own", "own.toml", text) {
        Ok(()) => {
            let protocol = library.get("own");
            assert!(protocol.is_ok(), "accepted, and then: {protocol:?}");
            for protocol in protocol.iter() {
                for command in protocol.commands() {
                    if let Ok(request) = protocol.request(command.code()) {
                        let _scan = request.scan(bytes);
                        let _readings = request.decode(bytes).is_ok();
                    }
                }
            }
        }
        Err(problem) => {
            let told = problem.to_string();
            assert!(!problem.reason.is_empty() && told.len() < MAX_REASON, "{told}");
        }
    }
    assert!(library.get("pi30").is_ok(), "another protocol is gone");
}
