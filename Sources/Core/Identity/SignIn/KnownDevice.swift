import Modules
import Secrets

/// A network or a browser that a person has signed in from. Failures of other clients elsewhere do not count there, so
/// that the owner can sign in during an attack.
///
/// A client cannot forge either: a network is the peer of the connection or what a trusted proxy reports, and the token
/// of a browser is 256 random bits that only this browser received.
struct KnownDevice: Sendable, Hashable {
    /// A hash that includes the account, so that rows do not show that two people share a network.
    let mark: String

    /// A device that was not used for this long is no longer known.
    static let retention: Duration = .days(90)
    /// The most devices of one person; the least recently used ones are deleted.
    static let countMax = 50

    init(network: String, of account: String) { mark = Self.mark("network", network, account) }
    init(device: String, of account: String) { mark = Self.mark("device", device, account) }

    /// The client's network as a known one of `person`.
    static func network(_ client: ClientInfo, of person: ID<Person>) -> KnownDevice {
        KnownDevice(network: network(of: client.address), of: person.text)
    }

    /// The prefix that one subscriber's addresses share; a text that is no address, such as the path of a Unix socket,
    /// stays as it is.
    static func network(of address: String) -> String { NetworkAddress(address).map { "\($0.network)" } ?? address }

    private static func mark(_ parts: String...) -> String { Digest.hex(parts.joined(separator: "\n")) }
}

/// The token in a browser's cookie that makes it a known device for a year. It authenticates nothing.
struct DeviceToken: Sendable {
    let text: String
    private static let lifetimeSeconds: Int64 = 365 * 86_400

    init(runtime: Runtime) { text = Base64URL.encode(runtime.randomBytes(32)) }

    func knownDevice(of person: ID<Person>) -> KnownDevice { KnownDevice(device: "token \(text)", of: person.text) }

    /// The value of `Set-Cookie` (RFC 6265). The prefix of the name binds the cookie to this host and to TLS.
    var cookie: String {
        "\(ClientInfo.deviceCookie)=\(text); Path=/; Max-Age=\(Self.lifetimeSeconds); Secure; HttpOnly; SameSite=Lax"
    }
}
