//! A [`Socket`] that echoes the datagrams in its receive buffer: drain, send queue and batches,
//! over real sockets.

use std::net::UdpSocket;

use tickwire::Socket;

use crate::Scenario;

const PAYLOAD: &[u8] = &[1; 64];

pub(crate) struct Echo {
    socket: Socket,
    client: UdpSocket,
    width: u16,
}

impl Echo {
    pub(crate) fn new(width: u16) -> Self {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let socket = Socket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        let connected = client.connect(socket.local_addr());
        connected.expect("it is this machine");
        client
            .set_nonblocking(true)
            .expect("every socket can be that");
        Self {
            socket,
            client,
            width,
        }
    }

    #[inline(never)]
    fn echo(&mut self) {
        let (mut receiver, mut sender) = self.socket.split();
        while let Some(datagram) = receiver.recv().expect("every address is reachable") {
            sender
                .send(datagram.from, datagram.bytes)
                .expect("there is room");
        }
        self.socket.flush().expect("every address is reachable");
    }
}

impl Scenario for Echo {
    fn before(&mut self) {
        for _ in 0..self.width {
            self.client.send(PAYLOAD).expect("the socket is there");
        }
    }

    fn tick(&mut self) {
        self.echo();
    }

    fn after(&mut self) {
        for _ in 0..self.width {
            let len = self.client.recv(&mut [0; 1024]);
            assert_eq!(len.expect("everything is echoed"), PAYLOAD.len());
        }
    }
}
