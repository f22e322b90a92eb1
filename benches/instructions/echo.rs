//! A [`Socket`] that echoes the datagrams in its receive buffer: the drain, the send queue and the batches, over real
//! sockets of this machine.

use std::net::UdpSocket;

use tickwire::Socket;

use crate::Scenario;

const PAYLOAD: &[u8] = &[1; 64];

pub(crate) struct Echo {
    socket: Socket,
    client: UdpSocket,
    width: u16,
    ticks: usize,
    echoed: usize,
}

impl Echo {
    pub(crate) fn new(width: u16) -> Self {
        let socket = Socket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client
            .connect(socket.local_addr())
            .expect("it is this machine");
        client
            .set_nonblocking(true)
            .expect("every socket can be that");
        Self {
            socket,
            client,
            width,
            ticks: 0,
            echoed: 0,
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
        self.ticks += 1;
        self.echo();
    }

    fn after(&mut self) {
        let mut buffer = [0; 1024];
        while self.client.recv(&mut buffer).is_ok() {
            self.echoed += 1;
        }
    }

    fn check(&self) -> Result<(), String> {
        let wanted = self.ticks * usize::from(self.width);
        if self.echoed == wanted {
            return Ok(());
        }
        Err(format!("{} of {wanted} echoed", self.echoed))
    }
}
