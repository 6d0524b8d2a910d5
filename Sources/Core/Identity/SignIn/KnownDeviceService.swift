package import Modules

/// Adds the devices that people sign in from, and recognises them.
package final class KnownDeviceService: Sendable {
    private let database: any Database
    private let runtime: Runtime

    init(database: any Database, runtime: Runtime) {
        self.database = database
        self.runtime = runtime
    }

    /// Whether a request comes from a network or a browser that the owner of an account has signed in from.
    /// - Parameter name: the address or user name as the client sent it.
    /// - Returns: false for a name without an account.
    package func isKnown(_ name: String, _ request: Request) async throws(Problem) -> Bool {
        let key = CanonicalText.accountKey(of: name.filter { !$0.isWhitespace })
        let client = PublicEndpoint().check(request)
        return try await database.read { transaction in
            guard let person = try transaction.person(signingInAs: key) else { return false }
            let (network, device) = LoginAttempt(of: person.id, named: key, client: client).knownDevices
            return try !transaction.knownDevices(of: person.id, among: [network, device ?? network]).isEmpty
        }
    }

    /// Adds the browser of a sign-in to the person's known devices.
    /// - Returns: the token that the browser is to store; nil where it sent a valid one.
    func add(for person: Person, _ client: ClientInfo) async throws(Problem) -> DeviceToken? {
        let sent = client.deviceToken.map { KnownDevice(device: "token \($0)", of: person.id.text) }
        let new = DeviceToken(runtime: runtime)
        return try await database.write { transaction in
            if let sent, try transaction.knownDevices(of: person.id, among: [sent]).contains(sent) {
                try transaction.save(sent, of: person.id)
                return nil
            }
            try transaction.save(new.knownDevice(of: person.id), of: person.id)
            return new
        }
    }
}
