import Foundation

/// Names of other services' templates that are read in place of a setting's own name, and names that mean nothing here.
enum ConfigurationAliases {
    private static let names = ["API_HOST": "HOST", "API_PORT": "PORT", "JWT_SECRET_KEY": "JWT_SECRET"]
    private static let environments = [
        "test": "test", "testing": "test", "prod": "production", "production": "production", "dev": "development",
        "development": "development",
    ]

    /// The settings that aliases stand for. A setting with its own name wins.
    /// - Parameter values: by name; empty ones count as not set.
    static func settings(in values: [String: String]) -> [String: String] {
        let values = values.filter { !$0.value.isEmpty }
        var settings: [String: String] = [:]
        for (alias, name) in names { settings[name] = values[alias] }
        // A value that is no kind of installation is reported under the setting's name.
        settings["ENVIRONMENT"] = values["ENV"].map { environments[$0.lowercased()] ?? $0 }
        settings["DATABASE_URL"] = postgres(values)
        settings["REDIS_URL"] = redis(values)
        return settings.filter { values[$0.key] == nil && values[Setting.fileName(of: $0.key)] == nil }
    }

    private static func postgres(_ values: [String: String]) -> String? {
        guard values["POSTGRES_HOST"] != nil || values["POSTGRES_DB"] != nil else { return nil }
        var url = "postgresql://"
        if let user = values["POSTGRES_USER"] {
            url += escaped(user) + (values["POSTGRES_PASSWORD"].map { ":" + escaped($0) } ?? "") + "@"
        }
        url += (values["POSTGRES_HOST"] ?? "localhost") + ":" + (values["POSTGRES_PORT"] ?? "5432")
        return url + "/" + escaped(values["POSTGRES_DB"] ?? values["POSTGRES_USER"] ?? "postgres")
    }

    private static func redis(_ values: [String: String]) -> String? {
        guard let host = values["REDIS_HOST"] else { return nil }
        let password = values["REDIS_PASSWORD"].map { ":\(escaped($0))@" } ?? ""
        return "redis://\(password)\(host):\(values["REDIS_PORT"] ?? "6379")/\(values["REDIS_DB"] ?? "0")"
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.intersection(.init(charactersIn: ascii)))
            ?? text
    }

    private static let ascii = String((33..<127).map { Character(Unicode.Scalar($0)) })

    /// Without the driver of SQLAlchemy (`postgresql+asyncpg://`), and with its paths (`sqlite:///relative`,
    /// `sqlite:////absolute`) as this server writes them.
    static func databaseURL(_ url: String) -> String {
        guard let colon = url.firstIndex(of: ":") else { return url }
        let scheme = url[..<colon].prefix { $0 != "+" }
        let rest = url[colon...]
        if scheme == "sqlite", rest.hasPrefix(":///") { return "sqlite:" + rest.dropFirst(":///".count) }
        return String(scheme + rest)
    }

    // MARK: Names without a meaning

    private static let meaningless: Set = [
        "WEB_CONCURRENCY", "FLASK_ENV", "FLASK_APP", "FLASK_DEBUG", "DEPLOY_WEBHOOK_URL", "SENTRY_DSN", "BACKEND_URL",
        "LOG_JSON", "JWT_KEY_DIR", "K8S_CONFIG_PATH", "WORKSPACE_DIR",
    ]
    private static let meaninglessPrefixes = [
        "GUNICORN_", "UVICORN_", "SUPABASE_", "CLOUDINARY_", "NVIDIA_", "RESEND_", "API_RATE_LIMIT_", "ALEMBIC_",
    ]

    /// Of the names of other services' templates, those that are set and not read.
    static func ignored(among names: some Sequence<String>) -> [String] {
        names.filter { name in meaningless.contains(name) || meaninglessPrefixes.contains { name.hasPrefix($0) } }
            .sorted()
    }
}
