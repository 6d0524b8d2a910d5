import Modules
import Secrets

/// Where a person signed in before: a network, or a browser that keeps a token. Others cannot make failures there, so it stays open to
/// its owner while they guess elsewhere.
///
/// Neither can be forged from outside: a network is the other end of a connection or what a trusted proxy says it is, and a token is
/// 256 random bits that only that browser was given.
struct KnownDevice: Sendable, Hashable {
    /// A hash, in which the account is: nobody can tell from two rows that two people share a place.
    let mark: String

    /// A place that was not used for so long is one like any other.
    static let memory: Duration = .days(90)
    /// The most that are kept of one person; the ones least used give way.
    static let countMax = 50

    init(network: String, of account: String) { mark = Self.mark("network", network, account) }
    init(device: String, of account: String) { mark = Self.mark("device", device, account) }

    /// The network that an account signs in from at this moment.
    static func network(_ visitor: ClientInfo, of person: ID<Person>) -> KnownDevice {
        KnownDevice(network: network(of: visitor.address), of: person.text)
    }

    /// What is shared by the addresses of one customer; an address that is none, such as that of a Unix socket, stands for itself.
    static func network(of address: String) -> String { NetworkAddress(address).map { "\($0.network)" } ?? address }

    private static func mark(_ parts: String...) -> String { Digest.hex(parts.joined(separator: "\n")) }
}

/// The token that a browser keeps for a year in order to be known again. It opens nothing.
struct DeviceToken: Sendable {
    let text: String
    private static let lifetimeSeconds: Int64 = 365 * 86_400

    init(runtime: Runtime) { text = Base64URL.encode(runtime.randomBytes(32)) }

    func place(of person: ID<Person>) -> KnownDevice { KnownDevice(device: "token \(text)", of: person.text) }

    /// As `Set-Cookie` says it (RFC 6265); the prefix of its name ties it to this host and to TLS.
    var cookie: String {
        "\(ClientInfo.deviceCookie)=\(text); Path=/; Max-Age=\(Self.lifetimeSeconds); Secure; HttpOnly; SameSite=Lax"
    }
}
