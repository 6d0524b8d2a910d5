import App
import ArgumentParser
import Identity
import Modules

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "The keys that access tokens are signed with.",
        discussion: """
            A key is published before it signs (next), signs (current), and is honoured until the last token that it signed has run out \
            (previous); then it is gone. KEY_ROTATION_DAYS says how often that happens by itself.
            """,
        subcommands: [ListKeysCommand.self, RotateKeysCommand.self]
    )
}

struct ListKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show every key, and nothing secret of it.")

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let keys = try await InstallationKeys(installation).use { identity in try await identity.signingKeys.list() }
        InstallationKeys.show(keys)
    }
}

struct RotateKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give the current key a successor.",
        discussion: """
            The server may be running meanwhile; it learns of the new key within a second. The new key signs as soon as everybody who \
            keeps our key set for as long as we allow has seen it; a process that runs jobs makes that move. Run it again after that \
            time to do so by hand.

            EXAMPLES
              gatehouse keys rotate
              gatehouse keys rotate --now     after a leak: who keeps our keys must fetch them again
            """
    )

    @Flag(name: .customLong("now"), help: "Sign with the new key at once, before everybody can know it.")
    var isImmediate = false

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let keys = try await InstallationKeys(installation).use { identity in
            try await identity.signingKeys.rotate(now: isImmediate)
        }
        InstallationKeys.show(keys)
    }
}

/// Identity on the installation that a command's flags name.
private struct InstallationKeys {
    let options: InstallationOptions

    init(_ options: InstallationOptions) { self.options = options }

    func use(_ body: (IdentityModule) async throws -> [SigningKey]) async throws -> [SigningKey] {
        var configuration = try await options.load()
        // The system's own start is no news here, only what goes wrong.
        configuration.logLevel = max(configuration.logLevel, .error)
        let app = try await buildApp(configuration)
        do {
            let keys = try await body(app.identity)
            await app.database.close()
            return keys
        } catch {
            await app.database.close()
            throw error
        }
    }

    static func show(_ keys: [SigningKey]) {
        let rows = keys.map { key in
            [key.id.text, key.algorithm.rawValue, key.state.rawValue, "\(key.createdAt)", meaning(of: key)]
        }
        Text.table([["KEY", "ALGORITHM", "STATE", "MADE", ""]] + rows).forEach { Terminal.say($0) }
    }

    private static func meaning(of key: SigningKey) -> String {
        switch key.state {
        case .next: "signs from \(key.signsFrom)"
        case .current: "signs since \(key.signsFrom)"
        case .previous: "honoured until \(key.honouredUntil.map { "\($0)" } ?? "-")"
        }
    }
}
