extension Configuration {
    /// The text of `.env.example`: every setting with its meaning and its default, commented out.
    package static let example: String = {
        let settings = Configuration().settings.map { setting in
            wrapped(setting.meaning).map { "# \($0)" }.joined(separator: "\n") + "\n#\(setting.name)=\(setting.example)"
        }
        return """
            # The settings of Gatehouse. Copy this file to .env, and remove the # before those that you change.
            # `gatehouse config --example` prints it; `gatehouse config` prints what is in effect, and why.
            # Secrets and URLs are also read from files: SECRET_KEY_FILE=/run/secrets/secret_key in place of SECRET_KEY.

            \(settings.joined(separator: "\n\n"))

            """
    }()

    private static func wrapped(_ text: String) -> [String] {
        text.split(separator: " ").reduce(into: []) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= 100 {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }
}

extension Setting {
    /// The default; empty where there is none.
    fileprivate var example: String { value == "not set" ? "" : value }
}
