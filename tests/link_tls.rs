//! A link through TLS: whom it trusts, and how it proves who it is.

#[path = "support/links.rs"]
mod links;
#[path = "support/servers.rs"]
mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use links::*;
use servers::{Server, free_port, temporary_folder};
use token_budget::domain::error::Applied;
use token_budget::store::redis::config::{Address, RedisConfig, Tls, Topology};

/// An authority made by openssl, a server's certificate and a client's.
struct Papers {
    folder: PathBuf,
}

impl Papers {
    fn make() -> Papers {
        let folder = temporary_folder(free_port()).join("papers");
        std::fs::create_dir_all(&folder).unwrap();
        let papers = Papers { folder };
        papers.openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem");
        let people = [("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"), ("client", "keyUsage=digitalSignature")];
        for (name, extension) in people {
            std::fs::write(papers.folder.join("extension"), extension).unwrap();
            papers.openssl(&format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"));
            papers.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extension \
                 -out {name}.pem"
            ));
        }
        papers
    }

    fn openssl(&self, args: &str) {
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().expect("openssl is installed").success(), "openssl {args}");
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.folder.join(name)).unwrap())
    }

    fn serve(&self, auth_clients: &str) -> Server {
        let (ca, cert, key) = (self.path("ca.pem"), self.path("server.pem"), self.path("server.key"));
        let files = ["--tls-ca-cert-file", &ca, "--tls-cert-file", &cert, "--tls-key-file", &key];
        Server::start_tls(free_port(), &[&files[..], &["--tls-auth-clients", auth_clients]].concat())
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.folder.parent().unwrap_or(Path::new("/nonexistent")));
    }
}

fn with_tls(port: u16, tls: Tls) -> RedisConfig {
    RedisConfig { tls: Some(tls), ..standalone(port) }
}

#[test]
fn trust() {
    let papers = Papers::make();
    let server = papers.serve("no");
    on_one_thread(async {
        let trusting = Tls { ca_pem: papers.read("ca.pem"), ..Tls::default() };
        let (link, _) = open(with_tls(server.port, trusting.clone()));
        assert_eq!(grow(&link, "a", 5000).await, Ok(1));
        let mut by_name = with_tls(server.port, trusting);
        by_name.topology = Topology::Standalone(Address { host: "localhost".to_owned(), port: server.port });
        let (link, _) = open(by_name);
        assert_eq!(grow(&link, "a", 5000).await, Ok(2));

        let (link, _) = open(with_tls(server.port, Tls::default()));
        let outcome = grow(&link, "a", 1000).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        assert!(outcome.unwrap_err().to_string().contains("UnknownIssuer"));

        let (link, _) = open(with_tls(server.port, Tls { reject_unauthorized: false, ..Tls::default() }));
        assert_eq!(grow(&link, "a", 5000).await, Ok(3));
    });
}

#[test]
fn large_and_many_through_tls() {
    let papers = Papers::make();
    let server = papers.serve("no");
    on_one_thread(async {
        let (link, _) = open(with_tls(server.port, Tls { ca_pem: papers.read("ca.pem"), ..Tls::default() }));
        let large = "x".repeat(3_000_000);
        assert_eq!(echo(&link, &large, 10_000).await, Ok(large));
        let calls: Vec<_> = (0..1000)
            .map(|number| {
                let link = link.clone();
                tokio::task::spawn_local(async move {
                    let text = number.to_string();
                    assert_eq!(echo(&link, &text, 10_000).await, Ok(text));
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
    });
}

#[test]
fn a_client_certificate() {
    let papers = Papers::make();
    let server = papers.serve("yes");
    on_one_thread(async {
        let ca_pem = papers.read("ca.pem");
        let (link, _) = open(with_tls(server.port, Tls { ca_pem: ca_pem.clone(), ..Tls::default() }));
        assert_eq!(applied(&grow(&link, "a", 500).await), Some(Applied::No));
        let (cert_pem, key_pem) = (papers.read("client.pem"), papers.read("client.key"));
        let tls = Tls { ca_pem, cert_pem, key_pem, ..Tls::default() };
        let (link, _) = open(with_tls(server.port, tls.clone()));
        assert_eq!(grow(&link, "a", 5000).await, Ok(1));

        let broken = Tls { key_pem: Some("nonsense-secret".to_owned()), ..tls.clone() };
        assert!(!format!("{broken:?}").contains("secret"));
        let (link, events) = open(with_tls(server.port, broken));
        let outcome = format!("{:?}", grow(&link, "a", 200).await);
        assert!(outcome.contains("private key"), "{outcome}");
        assert!(!format!("{outcome}{:?}", events.all()).contains("secret"));
        let (link, _) = open(with_tls(server.port, Tls { key_pem: None, ..tls }));
        assert!(format!("{:?}", grow(&link, "a", 200).await).contains("come together"));
    });
}
