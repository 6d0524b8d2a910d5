package import Modules

/// A session as its person sees it.
struct Device: Payload {
    var id: ID<Session>
    /// Such as `Firefox on Linux`, from what the client said of itself.
    var label: String
    /// The network address that it was signed in from.
    var address: String?
    var createdAt: Instant
    /// When it was last refreshed, or, in a browser, used: exact to the life of an access token.
    var lastSeenAt: Instant
    /// When it ends at the latest.
    var expiresAt: Instant
    var signedInBy: SignInMethod
    /// Whether it lives in a browser's cookie.
    var isBrowser: Bool
    /// Whether it is the session of this very request.
    var isCurrent = false

    enum CodingKeys: String, CodingKey {
        case id, label, address, createdAt, lastSeenAt, expiresAt, signedInBy
        case isBrowser = "browser"
        case isCurrent = "current"
    }
}

extension Device {
    init(row: Row) throws {
        id = try row["id"]
        label = DeviceLabel.label(of: try row["user_agent"])
        address = try row["address"]
        createdAt = try row["created_at"]
        lastSeenAt = try row["last_used_at"]
        expiresAt = try row["expires_at"]
        signedInBy = try row["method"]
        isBrowser = try row.read("cookie_hash", as: String?.self) != nil
    }
}

/// A page of devices.
struct Devices: Payload {
    var data: [Device]
    var total: Int64
    var limit: Int
    var offset: Int
}

/// Which sessions were ended.
struct Ended: Payload {
    var ended: Int
}

extension SignInMethod: SchemaProviding {
    package static var schema: Schema { .enumeration(allCases.map(\.rawValue)) }
    package static var sample: SignInMethod { .password }
}

/// What to call a device, from its `User-Agent`: two tables, of which the first entry that is found counts.
enum DeviceLabel {
    static let unknown = "Unknown device"

    /// Others claim to be Chrome and Safari, so those come last.
    private static let programs = [
        ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"), ("Vivaldi/", "Vivaldi"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"), ("CriOS/", "Chrome"), ("HeadlessChrome/", "Chrome"),
        ("Chrome/", "Chrome"), ("Safari/", "Safari"),
        ("curl/", "curl"), ("Wget/", "Wget"), ("PostmanRuntime/", "Postman"), ("insomnia/", "Insomnia"),
        ("python-requests/", "Python"),
        ("python-httpx/", "Python"), ("Python-urllib/", "Python"), ("aiohttp/", "Python"), ("node", "Node.js"),
        ("axios/", "Node.js"),
        ("Go-http-client/", "Go"),
        ("Java/", "Java"), ("okhttp/", "OkHttp"), ("Dart/", "Dart"), ("CFNetwork/", "App"),
    ]
    /// Android says that it is Linux, and iPhones that they are like a Mac.
    private static let systems = [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("Mac OS X", "macOS"), ("Darwin", "Apple"), ("Linux", "Linux"), ("FreeBSD", "FreeBSD"),
    ]

    static func label(of userAgent: String?) -> String {
        guard let text = userAgent?.prefix(400) else { return unknown }
        let program = programs.first { text.contains($0.0) }?.1
        let system = systems.first { text.contains($0.0) }?.1
        switch (program, system) {
        case (let program?, let system?): return "\(program) on \(system)"
        case (let name?, nil), (nil, let name?): return name
        case (nil, nil): return product(in: text) ?? unknown
        }
    }

    /// The first word as far as it is a name, such as `MyClient` of `MyClient/1.0`.
    private static func product(in text: Substring) -> String? {
        let name = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == ".") }
            .prefix(40)
        return name.contains(where: \.isLetter) ? String(name) : nil
    }
}
