import App
import ArgumentParser
import Identity
import Modules

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "List and rotate the keys that sign access tokens.",
        discussion: """
            A key is published before it signs (next), signs (current), and verifies until the last token that it \
            signed has expired (previous); then it is deleted. KEY_ROTATION_DAYS is the interval of automatic \
            rotation.
            """,
        subcommands: [ListKeysCommand.self, RotateKeysCommand.self]
    )
}

struct ListKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List every key, without its secret part.")

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let keys = try await installation.withApp { app in try await app.identity.signingKeys.list() }
        Text.table(keys).forEach { Terminal.print($0) }
    }
}

struct RotateKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Create the successor of the current key.",
        discussion: """
            The server may be running; it reads the new key within a second. The new key signs when cached copies of \
            the published key set have expired; a process that runs jobs makes that change. Running this command \
            again after that time makes it as well.

            EXAMPLES
              gatehouse keys rotate
              gatehouse keys rotate --now     after a leak: cached copies of the key set must be fetched again
            """
    )

    @Flag(name: .customLong("now"), help: "Sign with the new key at once, before cached copies of the key set hold it.")
    var isImmediate = false

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let keys = try await installation.withApp { app in try await app.identity.signingKeys.rotate(now: isImmediate) }
        Text.table(keys).forEach { Terminal.print($0) }
    }
}

extension Text {
    /// One line a key, below a header.
    fileprivate static func table(_ keys: [SigningKey]) -> [String] {
        let rows = keys.map { key in
            [key.id.text, key.algorithm.rawValue, key.state.rawValue, "\(key.createdAt)", validity(of: key)]
        }
        return table([["KEY", "ALGORITHM", "STATE", "CREATED", ""]] + rows)
    }

    private static func validity(of key: SigningKey) -> String {
        switch key.state {
        case .next: "signs from \(key.signsFrom)"
        case .current: "signs since \(key.signsFrom)"
        case .previous: "verifies until \(key.honouredUntil.map { "\($0)" } ?? "-")"
        }
    }
}
