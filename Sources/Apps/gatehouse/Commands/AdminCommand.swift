import App
import ArgumentParser
import Foundation
import Identity
import Modules

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Accounts that may do everything, and the way back into any account.",
        subcommands: [CreateAdministratorCommand.self, PromoteCommand.self, ResetPasswordCommand.self]
    )
}

struct CreateAdministratorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make an administrator's account.",
        discussion: """
            The server may be running meanwhile. Without a flag for it the password is asked for, without showing it.

            EXAMPLES
              gatehouse admin create --email you@example.org
              gatehouse admin create --email you@example.org --generate-password
              gatehouse admin create --email you@example.org --password-stdin < file
            """
    )

    @Option(help: ArgumentHelp("The account's address; it is taken as proved.", valueName: "address"))
    var email: String

    @OptionGroup var password: PasswordOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let chosen = try password.choose(for: email)
        let database = try await installation.withApp { app in
            _ = try await app.identity.registration.createAdministrator(email: email, password: chosen)
            return app.configuration.databaseURL
        }
        Terminal.say("\(email) is an administrator now (\(Shown.database(database))).")
        password.showGenerated(chosen)
    }
}

struct PromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Make an existing account an administrator's.",
        discussion: """
            Its sessions end, and the next sign-in has the role. The server may be running meanwhile.

            EXAMPLES
              gatehouse admin promote --email you@example.org
            """
    )

    @Option(help: ArgumentHelp("The account's address or user name.", valueName: "address"))
    var email: String

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let isNew = try await installation.withApp { app in try await app.identity.users.promote(named: email) }
        Terminal.say(
            isNew
                ? "\(email) is an administrator now, and signs in anew."
                : "\(email) was an administrator already; nothing was done.")
    }
}

struct ResetPasswordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset-password",
        abstract: "Give an account another password.",
        discussion: """
            Its sessions end. The server may be running meanwhile. Without a flag for it the password is asked for, without showing it.

            EXAMPLES
              gatehouse admin reset-password --email you@example.org
              gatehouse admin reset-password --email you@example.org --generate-password
            """
    )

    @Option(help: ArgumentHelp("The account's address or user name.", valueName: "address"))
    var email: String

    @OptionGroup var password: PasswordOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let chosen = try password.choose(for: email)
        try await installation.withApp { app in try await app.identity.users.resetPassword(named: email, to: chosen) }
        Terminal.say("\(email) has another password now, and signs in anew.")
        password.showGenerated(chosen)
    }
}

/// Where a password comes from: by itself from the terminal, where nobody sees it.
struct PasswordOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The password. It stays in the shell's history and shows in the list of processes.", valueName: "password"))
    var password: String?

    @Flag(help: "Read the password from the first line of standard input.")
    var passwordStdin = false

    @Flag(help: "Make a strong password and print it, once.")
    var generatePassword = false

    func validate() throws {
        let ways = [password != nil, passwordStdin, generatePassword].count { $0 }
        if ways > 1 { throw ValidationError("Give one of --password, --password-stdin and --generate-password.") }
        if ways == 0, !Terminal.hasInput {
            throw ValidationError(
                "There is no terminal to ask for a password on. Give --password-stdin, --password or --generate-password."
            )
        }
    }

    func choose(for name: String) throws -> String {
        if let password {
            Terminal.note(
                "A password on the command line stays in the shell's history, and others on this machine can see it meanwhile."
            )
            return password
        }
        if generatePassword { return Self.generated() }
        if passwordStdin {
            guard let line = readLine() else { throw Failure("Standard input holds no password.") }
            return line
        }
        let first = try Terminal.askSecret("Password for \(name): ")
        guard try Terminal.askSecret("Once more: ") == first else {
            throw Failure("The two passwords differ, and nothing was done.")
        }
        return first
    }

    func showGenerated(_ password: String) {
        if generatePassword { Terminal.say("The password, shown this once: \(password)") }
    }

    /// 24 of 32 characters that nobody takes for one another: 120 random bits.
    private static func generated() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let groups = (0..<4).map { _ in String((0..<6).map { _ in alphabet[Int.random(in: alphabet.indices)] }) }
        return groups.joined(separator: "-")
    }
}
