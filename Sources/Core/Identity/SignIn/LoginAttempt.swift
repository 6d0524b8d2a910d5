import Modules
import Secrets

/// The account that a client names and where the client is. Names without an account make the same buckets as others.
struct LoginAttempt: Sendable {
    /// Nil for a name without an account.
    let person: ID<Person>?
    /// The account in the keys of buckets.
    let account: String
    private let network: String
    /// What only a client that was authenticated before has: the token of a browser, or the requesting session.
    private let device: String?
    let isWithinSession: Bool
    let client: ClientInfo

    /// A sign-in.
    /// - Parameter name: the key of the name as the client sent it.
    init(of person: ID<Person>?, named name: String, client: ClientInfo) {
        self.init(
            person, account: person?.text ?? "name \(name)", device: client.deviceToken.map { "token \($0)" },
            isWithinSession: false, client)
    }

    /// A confirmation within a session.
    init(in scope: Scope) {
        let client = ClientInfo(address: scope.address, requestID: scope.requestID, userAgent: nil)
        self.init(
            scope.person, account: scope.person.text, device: scope.session.map { "session \($0)" },
            isWithinSession: true, client)
    }

    private init(_ person: ID<Person>?, account: String, device: String?, isWithinSession: Bool, _ client: ClientInfo) {
        self.person = person
        self.account = account
        self.device = device
        self.isWithinSession = isWithinSession
        self.client = client
        network = KnownDevice.network(of: client.address)
    }

    /// The network and the device of this attempt as known ones of its account.
    var knownDevices: (network: KnownDevice, device: KnownDevice?) {
        (KnownDevice(network: network, of: account), device.map { KnownDevice(device: $0, of: account) })
    }

    /// A code for the account, of the length of a person's id.
    func pseudonym(under secret: [UInt8]) -> String {
        "name-"
            + Hex.encode(MessageAuthentication.code(Array("subject\n\(account)".utf8), key: secret).prefix(16))
            .dropLast()
    }

    /// - Parameter isKnownDevice: whether the device is known; an unknown one counts by its network.
    func buckets(isKnownDevice: Bool, under lockout: Lockout, secret: [UInt8]) -> LoginBuckets {
        func key(_ kind: String, _ parts: String...) -> String {
            Hex.encode(MessageAuthentication.code(Array(([kind] + parts).joined(separator: "\n").utf8), key: secret))
        }
        let own = isKnownDevice ? key("device", account, device ?? "") : key("pair", account, network)
        let isStrict = lockout == .strict
        return LoginBuckets(
            own: LoginBucket(key: own, rule: isStrict ? .growing(free: .max) : .growing(free: 5)),
            account: LoginBucket(
                key: key("account", account),
                rule: isStrict ? .closing(after: 5, for: .minutes(30)) : .growing(free: 20)),
            network: LoginBucket(key: key("network", network), rule: .growing(free: 100))
        )
    }
}

/// A counter of failures. Its key is a MAC under the installation's secret, so that the table does not disclose which
/// account was attempted from where.
struct LoginBucket: Sendable, Hashable {
    let key: String
    let rule: LoginThrottleRule

    static func == (left: LoginBucket, right: LoginBucket) -> Bool { left.key == right.key }
    func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

/// The buckets that count a failure: always three, so that the response time discloses nothing.
struct LoginBuckets: Sendable {
    /// The account and the known device, or else the account and the network.
    let own: LoginBucket
    /// The account from all networks: against distributed attempts.
    let account: LoginBucket
    /// The network for all accounts: against one password for many accounts.
    let network: LoginBucket

    /// In the order in which every transaction locks the rows.
    var all: [LoginBucket] { [own, account, network].sorted { $0.key < $1.key } }
}
