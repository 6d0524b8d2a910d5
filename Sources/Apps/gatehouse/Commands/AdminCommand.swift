import App
import ArgumentParser
import Foundation
import Identity
import Modules

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Create administrators and reset passwords.",
        subcommands: [CreateAdministratorCommand.self, PromoteCommand.self, ResetPasswordCommand.self]
    )
}

struct CreateAdministratorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create an administrator's account.",
        discussion: """
            The server may be running. Without a password option the command reads the password from the terminal,
            without echo.

            EXAMPLES
              gatehouse admin create --email you@example.org
              gatehouse admin create --email you@example.org --generate-password
              gatehouse admin create --email you@example.org --password-stdin < file
            """
    )

    @Option(help: ArgumentHelp("The account's e-mail address; it counts as verified.", valueName: "address"))
    var email: String

    @OptionGroup var password: PasswordOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let chosen = try password.choose(for: email)
        let database = try await installation.withApp { app in
            _ = try await app.identity.registration.createAdministrator(email: email, password: chosen)
            return app.configuration.databaseDescription
        }
        Terminal.print("\(email) is an administrator now (\(database)).")
        password.showGenerated(chosen)
    }
}

struct PromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Give an existing account the role of an administrator.",
        discussion: """
            The account's sessions are revoked; the next sign-in has the role. The server may be running. A suspended or
            closed account is refused.

            EXAMPLES
              gatehouse admin promote --email you@example.org
            """
    )

    @Option(help: ArgumentHelp("The account's address or user name.", valueName: "address"))
    var email: String

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let promotion = try await installation.withApp { app in
            try await app.identity.users.promote(named: email)
        }
        Terminal.print(
            promotion.isNew
                ? "\(email) is an administrator now; its sessions are revoked."
                : "\(email) was an administrator already; nothing was changed.")
        if !promotion.isEmailVerified {
            Terminal.printError(
                "The address of this account is not verified: another person may have registered it, and knows its "
                    + "password. 'gatehouse admin reset-password' sets another one.")
        }
    }
}

struct ResetPasswordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset-password",
        abstract: "Set the password of an account.",
        discussion: """
            The account's sessions, API keys and invitations are revoked. The server may be running. Without a password
            option the command reads the password from the terminal, without echo.

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
        let isOpen = try await installation.withApp { app in
            try await app.identity.users.resetPassword(named: email, to: chosen)
        }
        Terminal.print("The password of \(email) is changed; its sessions, API keys and invitations are revoked.")
        if !isOpen {
            Terminal.printError(
                "This account is suspended or closed: it cannot be signed in to until an administrator restores it.")
        }
        password.showGenerated(chosen)
    }
}

/// The source of a password: an option, standard input, a generator, or by default the terminal without echo.
struct PasswordOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The password. It is stored in the shell's history and visible in the list of processes.",
            valueName: "password"))
    var password: String?

    @Flag(help: "Read the password from the first line of standard input.")
    var passwordStdin = false

    @Flag(help: "Generate a password of 120 random bits and print it once.")
    var generatePassword = false

    func validate() throws {
        let ways = [password != nil, passwordStdin, generatePassword].count { $0 }
        if ways > 1 { throw ValidationError("Give only one of --password, --password-stdin and --generate-password.") }
        if ways == 0, !Terminal.hasInput {
            throw ValidationError(
                "There is no terminal to read a password from. "
                    + "Give --password-stdin, --password or --generate-password."
            )
        }
    }

    func choose(for name: String) throws -> String {
        if let password {
            Terminal.printError(
                "A password on the command line is stored in the shell's history, "
                    + "and other users of this machine can see it while the command runs.")
            return password
        }
        if generatePassword { return Self.generated() }
        if passwordStdin {
            guard let line = readLine() else { throw Failure("Standard input holds no password.") }
            return line
        }
        let first = try Terminal.askSecret("Password for \(name): ")
        guard try Terminal.askSecret("Repeat the password: ") == first else {
            throw Failure("The two passwords differ, and nothing was changed.")
        }
        return first
    }

    func showGenerated(_ password: String) {
        if generatePassword { Terminal.print("The password, shown this once: \(password)") }
    }

    /// 24 characters of an alphabet of 32 without 0, 1, l and o: 120 random bits.
    private static func generated() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let groups = (0..<4).map { _ in String((0..<6).map { _ in alphabet[Int.random(in: alphabet.indices)] }) }
        return groups.joined(separator: "-")
    }
}
