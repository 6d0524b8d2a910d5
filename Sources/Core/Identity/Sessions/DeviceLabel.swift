/// The label of a device, derived from its `User-Agent`: in both tables the first entry that occurs counts.
enum DeviceLabel {
    static let unknown = "Unknown device"

    /// Chrome and Safari come last: other browsers name them too.
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
    /// Android also names Linux, and iPhones name Mac OS X.
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

    /// The product name at the beginning, such as `MyClient` of `MyClient/1.0`.
    private static func product(in text: Substring) -> String? {
        let name = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == ".") }
            .prefix(40)
        return name.contains(where: \.isLetter) ? String(name) : nil
    }
}
