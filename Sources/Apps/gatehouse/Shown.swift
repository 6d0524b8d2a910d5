import Foundation

/// Values of the configuration as they may be shown.
enum Shown {
    /// An address without its password.
    static func database(_ url: String) -> String {
        if url.hasPrefix("sqlite:") { return "SQLite, \(url.dropFirst("sqlite:".count))" }
        return address(url)
    }

    static func address(_ url: String) -> String {
        var text = url
        if let scheme = text.range(of: "://") {
            let end = text[scheme.upperBound...].firstIndex { "/?#".contains($0) } ?? text.endIndex
            // A password may hold an @; a host cannot.
            if let at = text[scheme.upperBound..<end].lastIndex(of: "@"),
                let colon = text[scheme.upperBound..<at].firstIndex(of: ":")
            {
                text.replaceSubrange(colon..<at, with: ":…")
            }
        }
        guard let query = text.firstIndex(of: "?") else { return text }
        let items = text[text.index(after: query)...].split(separator: "&").map {
            $0.hasPrefix("password=") ? "password=…" : String($0)
        }
        return text[...query] + items.joined(separator: "&")
    }

    static func secret(_ value: String?) -> String { value.map(\.isEmpty) == false ? "set" : "not set" }
}
