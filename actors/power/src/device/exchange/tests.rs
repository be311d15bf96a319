//! Answers that come late, turns that are given up, and who comes before whom.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::port::{Line, Rank};
use crate::protocol::{Library, Protocol};

/// Later than any deadline of a short answer at this speed.
const LATE: Duration = Duration::from_millis(1100);
const BAUD: u32 = 115_200;
/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(15);

fn pi30(answer: &str) -> Vec<u8> {
    let crc = answer.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    });
    [answer.as_bytes(), &crc.to_be_bytes(), b"\r"].concat()
}

/// An inverter that answers one question after the other, the first ones after these pauses; tells what it is asked.
fn inverter(pauses: &[Duration]) -> (Line, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    let mut pauses = Vec::from(pauses).into_iter();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        let mut chunk = [0; 64];
        while let Ok(len @ 1..) = stream.read(&mut chunk) {
            heard.extend_from_slice(&chunk[..len]);
            while let Some(end) = heard.iter().position(|byte| *byte == b'\r') {
                let question: Vec<u8> = heard.drain(..=end).collect();
                let code = String::from_utf8_lossy(&question[..end - 2]).into_owned();
                let answer = match code.as_str() {
                    "QMCHGCR" => "(010 020 030",
                    "QMUCHGCR" => "(002 010 020",
                    "POP00" => "(NAK",
                    // Something else first, as from a question before it.
                    "POP02" => "(230.0 21.7\r(ACK",
                    _ => "(ACK",
                };
                tell.send(code).unwrap();
                // An answer is late because the device takes its time.
                thread::park_timeout(pauses.next().unwrap_or_default());
                for answer in answer.split('\r') {
                    stream.write_all(&pi30(answer)).unwrap();
                }
            }
        }
    });
    (Line::new(address.parse().unwrap(), BAUD), told)
}

async fn ask(line: &Line, protocol: &Protocol, code: &str) -> Result<String, Failure> {
    let request = protocol.request(code).unwrap();
    let mut turn = line.turn(Rank::Poll).await;
    let taken = timeout(LIMIT, exchange(&mut turn, &request)).await.expect("an end")?;
    let value = |taken: &Taken| format!("{:?}", taken.measured.value);
    Ok(taken.iter().map(value).collect())
}

#[tokio::test]
async fn late_answer_of_the_same_shape_is_not_taken_for_that_of_the_next_question() {
    let protocol = Library::new().get("pi30").unwrap();
    let (line, _told) = inverter(&[LATE]);
    assert!(matches!(ask(&line, &protocol, "QMCHGCR").await, Err(Failure::Silent)));
    let answer = ask(&line, &protocol, "QMUCHGCR").await.unwrap();
    assert!(answer.contains("002") && !answer.contains("030"), "{answer}");
    // And the device is not one answer behind from now on.
    let answer = ask(&line, &protocol, "QMCHGCR").await.unwrap();
    assert!(answer.contains("030") && !answer.contains("002"), "{answer}");
}

#[tokio::test]
async fn question_that_is_put_again_takes_the_late_answer_as_its_own() {
    let protocol = Library::new().get("pi30").unwrap();
    let (line, told) = inverter(&[LATE]);
    assert!(matches!(ask(&line, &protocol, "QMCHGCR").await, Err(Failure::Silent)));
    assert!(ask(&line, &protocol, "QMCHGCR").await.unwrap().contains("030"));
    let heard = (0..2).filter(|_| told.recv_timeout(LIMIT).is_ok()).count();
    assert_eq!((heard, told.try_iter().count()), (2, 0), "a retry costs one question");
}

#[tokio::test]
async fn late_acknowledgement_is_not_taken_for_that_of_the_next_setting() {
    let protocol = Library::new().get("pi30").unwrap();
    let (line, told) = inverter(&[LATE]);
    assert!(matches!(ask(&line, &protocol, "POP01").await, Err(Failure::Silent)));
    let refused = ask(&line, &protocol, "POP00").await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    let told: Vec<String> = told.try_iter().collect();
    assert_eq!(told, ["POP01", "POP00"], "what changes the device is sent once");
}

#[tokio::test]
async fn answer_that_is_no_acknowledgement_is_passed_over_by_a_setting() {
    let protocol = Library::new().get("pi30").unwrap();
    let (line, _told) = inverter(&[]);
    let answer = ask(&line, &protocol, "POP02").await.unwrap();
    assert!(answer.contains("ACK"), "{answer}");
}

#[tokio::test]
async fn turn_that_is_given_up_in_the_middle_leaves_the_line_to_the_next() {
    let protocol = Library::new().get("pi30").unwrap();
    let (line, _told) = inverter(&[LATE / 4]);
    // As an actor that dies between question and answer.
    let cut_off = timeout(LATE / 20, ask(&line, &protocol, "QMCHGCR")).await;
    assert!(cut_off.is_err());
    let answer = ask(&line, &protocol, "QMUCHGCR").await.unwrap();
    assert!(answer.contains("002") && !answer.contains("030"), "{answer}");
}

#[tokio::test]
async fn order_comes_before_polls_that_waited_longer() {
    let (line, _told) = inverter(&[]);
    let line = std::sync::Arc::new(line);
    let first = line.turn(Rank::Poll).await;
    let order = std::sync::Mutex::new(Vec::new());
    let wait = async |name: &'static str, rank| {
        let turn = line.turn(rank).await;
        order.lock().unwrap().push(name);
        drop(turn);
    };
    let waiting = futures_util::future::join4(
        wait("poll a", Rank::Poll),
        wait("poll b", Rank::Poll),
        wait("order", Rank::Order),
        async { drop(first) },
    );
    timeout(LIMIT, waiting).await.expect("everybody has a turn");
    assert_eq!(*order.lock().unwrap(), ["order", "poll a", "poll b"]);
}
