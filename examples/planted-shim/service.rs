//! The planted target inside, and the shim's two ways of using it.
//!
//! As a server the target inside listens on a pipe in memory, and the shim carries each connection
//! there: so it knows which of its own connections the target speaks of.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::net::SocketAddr;
use std::process::exit;
use std::rc::Rc;
use std::sync::Arc;

use mtls_gauntlet::net::{Address, Transport};
use mtls_gauntlet::observe::{TargetEnd, TargetView};
use mtls_gauntlet::target::planted::Planted;
use mtls_gauntlet::target::{Running, Target};
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::event;
use crate::settings::Settings;
use crate::trick::{Trick, Tricks};

/// A planted target that runs.
pub struct Service {
    planted: Planted,
    tricks: Tricks,
    listener: Cell<Option<TcpListener>>,
    running: RefCell<Rc<dyn Running>>,
    /// Nobody else is to be let in.
    last_orders: Notify,
    /// Nobody else can come in.
    shut: Notify,
}

impl Service {
    /// Starts the target, and listens where a server is told to.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn start(
        planted: Planted,
        tricks: Tricks,
        settings: Settings,
    ) -> Result<Rc<Self>, String> {
        let listener = match settings.listen {
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                Some(listener.map_err(|error| format!("cannot listen on {address}: {error}"))?)
            }
            None => None,
        };
        let running = launch(&planted, settings).await?;
        Ok(Rc::new(Self {
            planted,
            tricks,
            listener: Cell::new(listener),
            running: RefCell::new(running),
            last_orders: Notify::new(),
            shut: Notify::new(),
        }))
    }

    /// Its tricks.
    pub fn tricks(&self) -> &Tricks {
        &self.tricks
    }

    /// As a server: takes connections, side by side, until its input ends.
    pub async fn serve(self: Rc<Self>, mut commands: UnboundedReceiver<String>) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, remote)) = accepted {
                        spawn_local(Rc::clone(&self).carry(stream, remote));
                    }
                }
                command = commands.recv() => match command {
                    Some(command) => self.obey(&command).await,
                    None => pending().await,
                },
                () = self.last_orders.notified() => break,
            }
        }
        drop(listener);
        self.shut.notify_one();
        pending().await
    }

    /// As a client: connects when it is told to, until its input ends.
    pub async fn connect(self: Rc<Self>, mut commands: UnboundedReceiver<String>) {
        loop {
            let Some(command) = commands.recv().await else {
                pending().await
            };
            let address = command.strip_prefix("connect ").map(str::parse);
            match address {
                Some(Ok(address)) => {
                    spawn_local(Rc::clone(&self).visit(address));
                }
                _ => self.obey(&command).await,
            }
        }
    }

    async fn obey(&self, command: &str) {
        if command != "reload" {
            eprintln!("I do not know what `{command}` means");
            return;
        }
        let reloaded = async { launch(&self.planted, Settings::read()?).await };
        event::reloaded(reloaded.await.map(|running| {
            self.running.replace(running);
        }));
    }

    /// Carries one connection to the target inside, and tells what that makes of it.
    async fn carry(self: Rc<Self>, outside: TcpStream, remote: SocketAddr) {
        let running = Rc::clone(&self.running.borrow());
        let Some(address) = running.address() else {
            return;
        };
        let _ = outside.set_nodelay(true);
        if let Some(delay) = self.tricks.delay() {
            sleep(delay).await;
        }
        let Ok(inside) = address.dial().await else {
            return;
        };
        let connection = inside.id();
        let (decided, over) = (running.decided(connection), running.view(connection));
        let (mut from_inside, mut to_inside) = split(inside);
        let (mut from_outside, mut to_outside) = split(outside);
        let told = Cell::new(false);
        let telling = async {
            let view = decided.await;
            told.set(true);
            if self.decide(remote, &view) {
                pending().await
            }
        };
        let inward = async {
            // Whatever breaks here shows at the other end too.
            let _ = copy(&mut from_outside, &mut to_inside).await;
            let _ = to_inside.shutdown().await;
            pending::<()>().await
        };
        let outward = async {
            let _ = copy(&mut from_inside, &mut to_outside).await;
            let _ = to_outside.shutdown().await;
            over.await
        };
        let view = tokio::select! {
            biased;
            // It hangs: what it has open stays open, and nothing is carried any more.
            () = telling => return pending().await,
            () = inward => return,
            view = outward => view,
        };
        if let (false, Some(view)) = (told.get(), &view) {
            self.decide(remote, view);
        }
        if self.tricks.exits_late(view.as_ref()) {
            self.last_orders.notify_one();
            self.shut.notified().await;
        }
        self.end(remote, view.as_ref());
    }

    /// Connects to the harness's server.
    async fn visit(self: Rc<Self>, address: SocketAddr) {
        let running = Rc::clone(&self.running.borrow());
        let view = running.connect(Address::Tcp(address)).await;
        if let Some(view) = &view
            && !self.decide(address, view)
        {
            return;
        }
        self.end(address, view.as_ref());
    }

    /// Tells what the target has decided. False when that is to be the last that is heard of it.
    fn decide(&self, connection: SocketAddr, view: &TargetView) -> bool {
        if let TargetEnd::Crashed(words) = &view.end {
            // In a process of its own a panic that nobody catches is the end of it.
            eprintln!("{words}");
            exit(101);
        }
        if self.tricks.at_decision(view) {
            return false;
        }
        if self.tricks.has(&Trick::ForgetsItself) {
            println!("{connection}: come in");
        } else {
            event::decided(connection, view);
        }
        true
    }

    fn end(&self, connection: SocketAddr, view: Option<&TargetView>) {
        self.tricks.at_the_end(view);
        event::over(connection, view);
        if self.tricks.exits_late(view) {
            exit(72);
        }
    }
}

async fn launch(planted: &Planted, settings: Settings) -> Result<Rc<dyn Running>, String> {
    let environment = Arc::new(settings.environment);
    let running = planted.start(environment, Transport::Memory).await;
    running.map(Rc::from).map_err(|error| error.to_string())
}
