import Base
import Foundation
import TestKit
import Testing

@testable import Secrets

/// Another implementation of Fernet: Python's `cryptography`, run with the interpreter of GATEHOUSE_PYTHON.
enum CryptographyPackage {
    static let isInstalled = (try? Python.run(["-c", "import cryptography"])) != nil
}

@Suite(
    .enabled(
        if: CryptographyPackage.isInstalled,
        "cryptography is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct FernetPythonTests {
    private func run(_ script: String, _ arguments: [String]) throws -> [String] {
        let output = String(decoding: try Python.run(["-c", script] + arguments), as: UTF8.self)
        return output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func `tokens of Python are opened, those of several keys too`() throws {
        let lines = try run(
            """
            from cryptography.fernet import Fernet, MultiFernet
            first, second = Fernet.generate_key(), Fernet.generate_key()
            print(first.decode(), second.decode())
            for value in (b"", b"0123456789abcdef", "Grüße".encode()):
                print(Fernet(first).encrypt_at_time(value, 1_769_860_800).decode())
                print(MultiFernet([Fernet(second), Fernet(first)]).encrypt_at_time(value, 1).decode())
            """, [])
        let keys = try lines[0].split(separator: " ").map { try #require(Fernet.Key($0)) }
        let fernet = Fernet(keys: keys)
        for (index, value) in ["", "0123456789abcdef", "Grüße"].enumerated() {
            #expect(
                try fernet.open(lines[1 + 2 * index])
                    == Fernet.Opened(bytes: Array(value.utf8), time: Instant(seconds: 1_769_860_800)))
            #expect(
                try fernet.open(lines[2 + 2 * index])
                    == Fernet.Opened(bytes: Array(value.utf8), time: Instant(seconds: 1)))
        }
    }

    @Test func `Python opens tokens of ours, under one and under several keys, with their time`() throws {
        let (first, second) = (
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        )
        let keys = EncryptionKeys("\(first), \(second)")
        let clock = TestClock()
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let token = try keys.fernet.seal(Array("Grüße".utf8), in: runtime)
        let lines = try run(
            """
            import sys
            from cryptography.fernet import Fernet, MultiFernet
            first, second, token = sys.argv[1:]
            print(Fernet(first).decrypt(token).decode())
            print(MultiFernet([Fernet(second), Fernet(first)]).decrypt(token).decode())
            print(Fernet(first).extract_timestamp(token))
            """, [first, second, token])
        #expect(lines.prefix(3) == ["Grüße", "Grüße", "\(clock.now.seconds)"])
    }

    @Test func `tokens with a right signature over wrong content are refused`() throws {
        let lines = try run(
            """
            import base64, hashlib, hmac, struct
            key = bytes(range(32))
            print(base64.urlsafe_b64encode(key).decode())
            def token(body):
                return base64.urlsafe_b64encode(body + hmac.digest(key[:16], body, hashlib.sha256)).decode()
            head = lambda version, time: bytes([version]) + struct.pack(">Q", time) + bytes(16)
            print(token(head(0x81, 1) + bytes(16)))
            print(token(head(0x80, 1)))
            print(token(head(0x80, 1) + bytes(15)))
            print(token(head(0x80, 1) + bytes(16)))
            print(token(head(0x80, 2**63) + bytes(16)))
            print(token(b""))
            """, [])
        let fernet = Fernet(keys: [try #require(Fernet.Key(lines[0]))])
        let tokens = lines.dropFirst().filter { !$0.isEmpty }
        #expect(tokens.count == 6)
        for token in tokens { #expect(throws: Fernet.Failure.self) { try fernet.open(token) } }
    }
}
