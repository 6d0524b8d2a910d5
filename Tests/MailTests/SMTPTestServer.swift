import App
import Base
import Foundation
import Mail
import TestKit
import Testing

/// An SMTP server (aiosmtpd) in a process of its own. It stores the messages that it accepts, parsed by Python's e-mail
/// package.
final class SMTPTestServer: @unchecked Sendable {
    /// `stuck` takes a message and never replies to it; `deaf` never replies to QUIT.
    enum Mode: String { case starttls, tls, plain, silent, stuck, deaf }

    /// A message as the server received it.
    struct ReceivedMessage: Decodable {
        var sender: String
        var recipients: [String]
        var isEncrypted: Bool
        var user: String?
        /// The bytes of the message, base64.
        var raw: String
        var subject: String
        var from: String
        var to: String
        var messageID: String
        var automatic: String
        var defects: Int
        var text: String
        var html: String

        var bytes: [UInt8] { Array(Data(base64Encoded: raw) ?? Data()) }
    }

    static let user = "postmaster@example.org"
    static let password = "a password & more: 100 % \"säfe\""

    let folder: URL
    private(set) var port = 0
    private let mode: Mode
    private let requiresAuthentication: Bool
    // Tests call the methods sequentially.
    private var process: Process?

    /// - Throws: when no interpreter with aiosmtpd is available.
    init(_ mode: Mode = .starttls, requiresAuthentication: Bool = true) throws {
        self.mode = mode
        self.requiresAuthentication = requiresAuthentication
        folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-smtp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Starts the process, after a stop on the same port as before.
    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            Python.command, "-c", Self.script, folder.path, mode.rawValue, "\(port)",
            requiresAuthentication ? Self.user : "", Self.password,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        guard let line = String(data: output.fileHandleForReading.availableData, encoding: .utf8),
            let port = Int(line.filter(\.isNumber))
        else {
            throw CocoaError(.executableLoad)
        }
        self.port = port
        self.process = process
    }

    func stop() {
        guard let process else { return }
        // A child process inherits ignored signals, so that SIGTERM may have no effect.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// The path of the server certificate, which is valid for `localhost` only.
    var certificate: String { folder.appending(path: "certificate.pem").path }

    var messages: [ReceivedMessage] {
        get throws { try lines("messages").map { try JSONDecoder().decode(ReceivedMessage.self, from: Data($0.utf8)) } }
    }

    /// The password of each authentication attempt.
    var passwords: [String] { lines("passwords") }

    private func lines(_ name: String) -> [String] {
        let text = (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    /// Sets the configuration that sends through this server.
    func configure(_ configuration: inout Configuration) {
        configuration.smtpHost = "localhost"
        configuration.smtpPort = port
        configuration.smtpUser = requiresAuthentication ? Self.user : nil
        configuration.smtpPassword = requiresAuthentication ? Self.password : nil
        configuration.smtpSecurity = mode == .tls ? .tls : .starttls
        configuration.smtpCAFile = certificate
        configuration.fromEmail = "gate@gatehouse.example"
        configuration.fromName = "Gatehouse, Grüße & Co."
    }

    static let isAvailable = (try? Python.run(["-c", "import aiosmtpd, cryptography"])) != nil

    /// Recipients `refused@` get 550, `full@` get 452 once. Messages to `dropped@` are stored, and at the first one the
    /// connection is aborted instead of a reply.
    private static let script = """
        import asyncio, base64, datetime, json, os, ssl, sys
        from email import message_from_bytes, policy
        from aiosmtpd.smtp import SMTP, AuthResult
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        folder, mode, port, user, password = sys.argv[1:]
        certificate, key = folder + "/certificate.pem", folder + "/key.pem"
        if not os.path.exists(certificate):
            private = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
            today = datetime.datetime.now(datetime.timezone.utc)
            signed = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(today - datetime.timedelta(days=1))
                .not_valid_after(today + datetime.timedelta(days=2))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
                .sign(private, hashes.SHA256()))
            pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            open(key, "wb").write(private.private_bytes(pem, pkcs8, serialization.NoEncryption()))
            open(certificate, "wb").write(signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def append(file, line):
            with open(folder + "/" + file, "a") as f: f.write(line + "\\n")

        seen = set()
        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                local = address.split("@")[0]
                if local == "refused": return "550 5.1.1 no such user " + address
                if local == "full" and address not in seen:
                    seen.add(address)
                    return "452 4.2.2 mailbox full " + address
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                message = message_from_bytes(envelope.original_content, policy=policy.default)
                plain, html = message.get_body(("plain",)), message.get_body(("html",))
                parts = [message, plain, html]
                append("messages", json.dumps(dict(
                    sender=envelope.mail_from, recipients=envelope.rcpt_tos,
                    isEncrypted=session.ssl is not None or mode == "tls",
                    user=session.auth_data.login.decode() if session.authenticated else None,
                    raw=base64.b64encode(envelope.original_content).decode(),
                    subject=message["subject"], to=message["to"],
                    messageID=message["message-id"], automatic=message["auto-submitted"],
                    **{"from": str(message["from"])}, defects=sum(len(p.defects) for p in parts),
                    text=plain.get_content().replace("\\r\\n", "\\n"), html=html.get_content())))
                address = envelope.rcpt_tos[0]
                if address.startswith("dropped@") and address not in seen:
                    seen.add(address)
                    server.transport.abort()
                return "250 OK"

        def authenticate(server, session, envelope, mechanism, data):
            append("passwords", data.password.decode())
            success = data.login.decode() == user and data.password.decode() == password
            return AuthResult(success=success, handled=False, auth_data=data)

        class Silent(asyncio.Protocol):
            pass

        class Scripted(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport, self.rest, self.is_data = transport, b"", False
                transport.write(b"220 localhost\\r\\n")

            def data_received(self, data):
                self.rest += data
                while b"\\r\\n" in self.rest:
                    line, self.rest = self.rest.split(b"\\r\\n", 1)
                    self.line(line)

            def line(self, line):
                if self.is_data:
                    if line == b".":
                        self.is_data = False
                        if mode == "deaf": self.transport.write(b"250 OK\\r\\n")
                    return
                command = line[:4].upper()
                if command == b"QUIT": return
                self.is_data = command == b"DATA"
                self.transport.write(b"354 go on\\r\\n" if self.is_data else b"250 localhost\\r\\n")

        def protocol():
            if mode == "silent": return Silent()
            if mode in ("stuck", "deaf"): return Scripted()
            return SMTP(
                Handler(), hostname="localhost", tls_context=context if mode == "starttls" else None,
                require_starttls=mode == "starttls",
                authenticator=authenticate, auth_required=bool(user), auth_require_tls=mode == "starttls")

        async def main():
            server = await asyncio.get_running_loop().create_server(
                protocol, "127.0.0.1", int(port), ssl=context if mode == "tls" else None, reuse_address=True)
            print(server.sockets[0].getsockname()[1], flush=True)
            await server.serve_forever()
        asyncio.run(main())
        """
}
