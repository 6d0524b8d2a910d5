import Base
import Configuration
import Foundation
import TLS

/// A setting of an installation, as `gatehouse config` and `gatehouse --help` list it.
package struct Setting: Sendable {
    /// Of the environment variable.
    package let name: String
    /// What it decides, its default and its bounds.
    package let meaning: String
    /// Empty where it is not set and has no default. A secret is `set` or `not set`; a URL has no password, and no path
    /// where that may be one.
    package let value: String
    /// Whether its value is also read from the file that ``fileName(of:)`` names: that of secrets and of URLs, which may
    /// have a password.
    package let hasFile: Bool

    /// The name of the environment variable with the path of a file that has the value of `name`.
    package static func fileName(of name: String) -> String { name + "_FILE" }

    /// A URL whose path may be a credential: without its password, path and query.
    package static func redactedPath(_ url: String) -> String {
        let text = redacted(url)
        guard let scheme = text.range(of: "://") else { return text.isEmpty ? "" : "…" }
        let rest = text[scheme.upperBound...]
        guard let end = rest.firstIndex(where: { "/?#".contains($0) }) else { return text }
        return text[end...] == "/" ? text : text[..<end] + "/…"
    }

    /// A URL without the password of its authority or of its query.
    package static func redacted(_ url: String) -> String {
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
}

/// Reads settings from the environment and collects every fault, so that one start reports all of them.
///
/// Each function declares one setting: its name, its default, its bounds and its meaning. An empty value counts as
/// not set. Secrets and URLs are also read from files, because the secrets of containers are files.
struct SettingReader {
    private let values: ConfigReader
    private(set) var settings: [Setting] = []
    /// The text of every setting that is set, by name.
    private(set) var given: [String: String] = [:]
    var faults: [String] = []

    /// Of a file in place of a value.
    private static let fileBytesMax = 64 << 10

    init(_ values: ConfigReader) { self.values = values }

    mutating func text(_ name: String, _ meaning: String) -> String? {
        let text = given(name)
        add(name, meaning, value: text ?? "")
        return text
    }

    mutating func text(_ name: String, _ fallback: String, _ meaning: String) -> String {
        let text = given(name) ?? fallback
        add(name, meaning, default: fallback, value: text)
        return text
    }

    /// - Parameters:
    ///   - fallback: the default, which `meaning` describes.
    ///   - hidesPath: whether the path may be a credential.
    mutating func url(_ name: String, default fallback: String = "", hidesPath: Bool = false, _ meaning: String)
        -> String
    {
        let text = givenOrFile(name) ?? fallback
        add(name, meaning, value: hidesPath ? Setting.redactedPath(text) : Setting.redacted(text), hasFile: true)
        return text
    }

    /// An http or https URL without a query; a slash at its end is removed.
    mutating func webAddress(_ name: String, _ meaning: String) -> String {
        var text = given(name) ?? ""
        if !text.isEmpty, !Self.isWebAddress(text) {
            faults.append("\(name): is an address that begins with https:// or http://, without a query, not '\(text)'")
            text = ""
        }
        if text.hasSuffix("/") { text.removeLast() }
        add(name, meaning, value: text)
        return text
    }

    mutating func secret(_ name: String, _ meaning: String) -> String? {
        let text = givenOrFile(name)
        add(name, meaning, value: text == nil ? "not set" : "set", hasFile: true)
        return text
    }

    /// Secrets separated by commas, such as two while one is rotated; blanks beside them do not count.
    mutating func secrets(_ name: String, _ meaning: String) -> [String] {
        let parts = (givenOrFile(name) ?? "").split(separator: ",")
        let secrets = parts.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        add(name, meaning, value: secrets.isEmpty ? "not set" : "\(secrets.count) set", hasFile: true)
        return secrets
    }

    mutating func integer(_ name: String, _ fallback: Int, _ bounds: ClosedRange<Int>, _ meaning: String) -> Int {
        let range = "\(bounds.lowerBound) to \(bounds.upperBound)"
        var number = fallback
        if let text = given(name) {
            if let value = values.int(forKey: Self.key(name)), bounds.contains(value) {
                number = value
            } else {
                faults.append("\(name): is a whole number from \(range), not '\(text)'")
            }
        }
        add(name, "\(meaning); \(range)", default: "\(fallback)", value: "\(number)")
        return number
    }

    /// A share.
    /// - Parameter fallback: 0 to 1.
    mutating func share(_ name: String, _ fallback: Double, _ meaning: String) -> Double {
        var number = fallback
        if let text = given(name) {
            if let value = Double(text), (0...1).contains(value) {
                number = value
            } else {
                faults.append("\(name): is a number from 0 to 1, not '\(text)'")
            }
        }
        add(name, "\(meaning); 0 to 1", default: "\(fallback)", value: "\(number)")
        return number
    }

    mutating func boolean(_ name: String, _ fallback: Bool, _ meaning: String) -> Bool {
        var value = fallback
        if let text = given(name) {
            // ConfigReader takes true, yes and 1, false, no and 0.
            if let read = values.bool(forKey: Self.key(name)) ?? ["on": true, "off": false][text.lowercased()] {
                value = read
            } else {
                faults.append("\(name): is true or false, not '\(text)'")
            }
        }
        add(name, "\(meaning); true or false", default: "\(fallback)", value: "\(value)")
        return value
    }

    /// One of the raw values, in any case of letters.
    /// - Parameter description: of a default that depends on the process.
    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ fallback: Choice, _ meaning: String, describedAs description: String? = nil
    ) -> Choice {
        let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        var choice = fallback
        if let text = given(name) {
            if let read = values.string(forKey: Self.key(name), as: AnyCase<Choice>.self) {
                choice = read.choice
            } else {
                faults.append("\(name): is one of \(choices), not '\(text)'")
            }
        }
        add(name, "\(meaning); \(choices)", default: description ?? fallback.rawValue, value: choice.rawValue)
        return choice
    }

    /// Values separated by commas; empty ones are left out.
    mutating func list(_ name: String, _ meaning: String) -> [String] {
        let list = given(name) == nil ? [] : values.stringArray(forKey: Self.key(name), default: [])
        let present = list.filter { !$0.isEmpty }
        add(name, meaning, value: present.joined(separator: ","))
        return present
    }

    /// Two paths, of which none or both are set.
    mutating func certificateFiles(
        _ name: String, _ meaning: String, key keyName: String, _ keyMeaning: String
    ) -> CertificateFiles? {
        switch (text(name, meaning), text(keyName, keyMeaning)) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return CertificateFiles(certificate: certificate, key: key)
        case (_?, nil): faults.append("\(keyName): is required with \(name)")
        case (nil, _?): faults.append("\(name): is required with \(keyName)")
        }
        return nil
    }

    // MARK: Helpers

    private mutating func given(_ name: String, isSecret: Bool = false) -> String? {
        guard let text = values.string(forKey: Self.key(name), isSecret: isSecret), !text.isEmpty else { return nil }
        given[name] = text
        return text
    }

    /// The value, or the text of the file that is named in its place, without line ends around it.
    private mutating func givenOrFile(_ name: String) -> String? {
        if let text = given(name, isSecret: true) { return text }
        let fileName = Setting.fileName(of: name)
        guard let path = values.string(forKey: Self.key(fileName)), !path.isEmpty else { return nil }
        do throws(InputFileFault) {
            let bytes = try InputFile.bytes(of: path, upTo: Self.fileBytesMax)
            let text = String(bytes: bytes, encoding: .utf8)?.trimmingCharacters(in: .newlines)
            if let text, !text.isEmpty {
                given[name] = text
                return text
            }
            faults.append("\(fileName): \(path) is \(text == nil ? "not UTF-8" : "empty").")
        } catch {
            faults.append("\(fileName): \(error)")
        }
        return nil
    }

    private mutating func add(
        _ name: String, _ meaning: String, default fallback: String? = nil, value: String, hasFile: Bool = false
    ) {
        let meaning = fallback.map { "\(meaning); \($0) by default" } ?? meaning
        settings.append(Setting(name: name, meaning: meaning, value: value, hasFile: hasFile))
    }

    /// `DB_POOL_SIZE` is the key `db.pool.size`, which the provider of environment variables maps back.
    private static func key(_ name: String) -> ConfigKey {
        ConfigKey(name.lowercased().split(separator: "_").map(String.init))
    }

    private static func isWebAddress(_ text: String) -> Bool {
        guard let parts = URLComponents(string: text) else { return false }
        return (parts.scheme == "https" || parts.scheme == "http") && parts.host?.isEmpty == false && parts.query == nil
            && parts.fragment == nil
    }
}

/// A choice whose raw value is compared without regard to case.
private struct AnyCase<Choice: RawRepresentable<String> & CaseIterable>: ExpressibleByConfigString {
    let choice: Choice

    init?(configString text: String) {
        guard let choice = Choice.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            return nil
        }
        self.choice = choice
    }

    var description: String { choice.rawValue }
}
