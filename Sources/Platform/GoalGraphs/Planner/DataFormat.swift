/// What the text of an output is, as far as the sentence says.
enum DataFormat: String, Hashable, Sendable {
    case csv, json, text

    /// By the extension of a file or of a URL's path.
    init?(path: String) {
        let end = path.prefix { $0 != "?" && $0 != "#" }.lowercased()
        if end.hasSuffix(".csv") { self = .csv } else if end.hasSuffix(".json") { self = .json } else { return nil }
    }
}
