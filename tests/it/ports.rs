//! Devices that are not on a line of this computer: behind a broker, behind a server of datagrams.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use sim::power::{DeviceKind, Plant};

use crate::broker::Broker;
use crate::harness::{Stage, Station};
use crate::plug::configure_at;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("digits");
    hexadecimal.as_bytes().chunks(2).map(byte).collect()
}

fn answer(question: &[u8]) -> Vec<u8> {
    DeviceKind::Pi30
        .answer(&mut Plant::new(12.0, 0.5), question)
        .expect("a question")
        .1
}

fn wait_for_readings(station: &Station) -> Value {
    station.wait_for("/api/v1/power/inverter", |device| {
        device["quality"]["answered"].as_u64() >= Some(8) && device["state"] == "online"
    })
}

#[test]
fn device_behind_a_broker_is_read_and_the_results_of_other_commands_are_passed_over() {
    let broker = Broker::run();
    let (client, mut connection) = Client::new(MqttOptions::new("shed", "127.0.0.1", broker.port), 16);
    client.subscribe("shed/inverter/command", QoS::AtLeastOnce).unwrap();
    // What was kept from long ago is not the answer to anything.
    let old = json!({"result": hexadecimal(&answer(b"QPI\xbe\xac\r"))}).to_string();
    client
        .publish("shed/inverter/result", QoS::AtLeastOnce, true, old)
        .unwrap();
    thread::spawn(move || {
        for event in connection.iter().map_while(Result::ok) {
            let Event::Incoming(Packet::Publish(asked)) = event else {
                continue;
            };
            let asked: Value = serde_json::from_slice(&asked.payload).unwrap();
            let said = answer(&bytes(asked["command_hex"].as_str().unwrap()));
            let other = json!({"command": "QPI", "result": hexadecimal(&answer(b"QPI\xbe\xac\r"))});
            let own = json!({"command": asked["command"], "result": hexadecimal(&said)});
            for result in [other, own] {
                client
                    .publish("shed/inverter/result", QoS::AtLeastOnce, false, result.to_string())
                    .unwrap();
            }
        }
    });
    let stage = Stage::new();
    let port = format!("mqtt://127.0.0.1:{}/shed/inverter", broker.port);
    configure_at(&stage, "inverter", "pi30", 0.3, &port);
    let station = Station::run(&stage);
    let device = wait_for_readings(&station);
    assert_eq!(device["readings"]["ac_output_voltage"]["value"], 230.0);
    assert_eq!(device["quality"]["damaged"], 0, "{device:#}");

    drop(broker);
    station.wait_for("/api/v1/power/inverter", |device| device["state"] == "disconnected");
}

#[test]
fn device_behind_a_server_of_datagrams_is_read_also_if_an_answer_comes_in_pieces() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let stage = Stage::new();
    let port = format!("udp://{}", server.local_addr().unwrap());
    configure_at(&stage, "inverter", "pi30", 0.3, &port);
    thread::spawn(move || {
        let mut question = [0; 64];
        while let Ok((len, from)) = server.recv_from(&mut question) {
            for piece in answer(&question[..len]).chunks(32) {
                server.send_to(piece, from).unwrap();
            }
        }
    });
    let station = Station::run(&stage);
    let device = wait_for_readings(&station);
    assert_eq!(device["readings"]["ac_output_voltage"]["value"], 230.0);
    assert_eq!(device["quality"]["damaged"], 0, "{device:#}");
}
