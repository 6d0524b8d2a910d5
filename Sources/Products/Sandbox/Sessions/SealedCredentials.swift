import AWS
import Foundation
import Modules
import Secrets

/// AWS credentials as they are stored: a Fernet token, which also names the session, because the format has no context.
struct SealedCredentials: Codable, Sendable {
    let session: ID<SandboxSession>
    let access: String
    let secret: String
    let token: String?

    static func seal(
        _ credentials: AWSCredentials, of session: ID<SandboxSession>, _ fernet: Fernet, _ runtime: Runtime
    ) throws -> String {
        let value = Self(
            session: session, access: credentials.accessKeyID, secret: credentials.secretAccessKey,
            token: credentials.sessionToken)
        return try fernet.seal(Array(JSONEncoder().encode(value)), in: runtime)
    }

    /// - Throws: ``Unreadable`` for credentials that are removed, of another session, or sealed under an unknown key.
    static func open(of session: SandboxSession, _ fernet: Fernet) throws -> AWSCredentials {
        guard let sealed = session.sealedKeys, let opened = try? fernet.open(sealed),
            let value = try? JSONDecoder().decode(Self.self, from: Data(opened.bytes)), value.session == session.id,
            let credentials = try? AWSCredentials(
                accessKeyID: value.access, secretAccessKey: value.secret, sessionToken: value.token)
        else { throw Unreadable() }
        return credentials
    }

    struct Unreadable: Error {}
}
