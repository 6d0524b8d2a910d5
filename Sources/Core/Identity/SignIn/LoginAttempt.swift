import Modules
import Secrets

/// Somebody who says who they are: the account they name and where they are. Known names and unknown ones make the same buckets.
struct LoginAttempt: Sendable {
    /// Nil for a name that nobody has.
    let person: ID<Person>?
    /// What the account is called in the keys of buckets.
    private let account: String
    private let network: String
    /// Something that only somebody who signed in before has: the token of a browser, or the session that is asking.
    private let device: String?
    let isWithinSession: Bool
    let visitor: ClientInfo

    /// At the door.
    /// - Parameter name: what was typed, as its key.
    init(of person: ID<Person>?, named name: String, visitor: ClientInfo) {
        self.init(
            person, account: person?.text ?? "name \(name)", device: visitor.deviceToken.map { "token \($0)" },
            isWithinSession: false, visitor)
    }

    /// Within a session, which asks once more for a secret of its person.
    init(in scope: Scope) {
        let visitor = ClientInfo(address: scope.address, requestID: scope.requestID, userAgent: nil)
        self.init(
            scope.person, account: scope.person.text, device: scope.session.map { "session \($0)" },
            isWithinSession: true, visitor)
    }

    private init(_ person: ID<Person>?, account: String, device: String?, isWithinSession: Bool, _ visitor: ClientInfo)
    {
        self.person = person
        self.account = account
        self.device = device
        self.isWithinSession = isWithinSession
        self.visitor = visitor
        network = KnownDevice.network(of: visitor.address)
    }

    /// The marks under which a familiar place of this account may be known.
    var places: (network: KnownDevice, device: KnownDevice?) {
        (KnownDevice(network: network, of: account), device.map { KnownDevice(device: $0, of: account) })
    }

    /// As long as a person's id.
    func pseudonym(under secret: [UInt8]) -> String {
        "name-"
            + Hex.encode(MessageAuthentication.code(Array("subject\n\(account)".utf8), key: secret).prefix(16))
            .dropLast()
    }

    /// - Parameter isKnownDevice: whether the device was seen before; another one is nothing but its network.
    func buckets(isKnownDevice: Bool, under lockout: Lockout, secret: [UInt8]) -> Buckets {
        func key(_ kind: String, _ parts: String...) -> String {
            Hex.encode(MessageAuthentication.code(Array(([kind] + parts).joined(separator: "\n").utf8), key: secret))
        }
        let own = isKnownDevice ? key("device", account, device ?? "") : key("pair", account, network)
        let isStrict = lockout == .strict
        return Buckets(
            own: Bucket(key: own, rule: isStrict ? .growing(free: .max) : .growing(free: 5)),
            account: Bucket(
                key: key("account", account),
                rule: isStrict ? .closing(after: 5, for: .minutes(30)) : .growing(free: 20)),
            network: Bucket(key: key("network", network), rule: .growing(free: 100))
        )
    }
}

/// A counter by its key. Keys are codes under the installation's secret, so that the table tells nobody who tried what from where.
struct Bucket: Sendable, Hashable {
    let key: String
    let rule: LoginThrottleRule

    static func == (left: Bucket, right: Bucket) -> Bool { left.key == right.key }
    func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

/// What a failure counts in, whoever made it: always three, so that nothing can be told from how long it takes.
struct Buckets: Sendable {
    /// The account and the known device, or else the account and the network.
    let own: Bucket
    /// The account, wherever it is tried from: against guessing from many networks at once.
    let account: Bucket
    /// The network, whichever account is tried: against one password for many accounts.
    let network: Bucket

    /// In the order in which rows are locked, which is the same for everybody.
    var all: [Bucket] { [own, account, network].sorted { $0.key < $1.key } }
}
