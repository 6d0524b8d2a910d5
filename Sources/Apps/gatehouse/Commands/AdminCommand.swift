import App
import ArgumentParser
import Foundation
import Identity
import Modules

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Accounts that may do everything.",
        subcommands: [CreateAdministratorCommand.self]
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

    @Option(help: ArgumentHelp("The password. Others on this machine can see it in the list of processes.", valueName: "password"))
    var password: String?

    @Flag(help: "Read the password from the first line of standard input.")
    var passwordStdin = false

    @Flag(help: "Make a strong password and print it, once.")
    var generatePassword = false

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        let ways = [password != nil, passwordStdin, generatePassword].count { $0 }
        if ways > 1 { throw ValidationError("Give one of --password, --password-stdin and --generate-password.") }
        if ways == 0, !Terminal.hasInput {
            throw ValidationError("There is no terminal to ask for a password on. Give --password-stdin, --password or --generate-password.")
        }
    }

    func run() async throws {
        var configuration = try await installation.load()
        // The system's own start is no news here, only what goes wrong.
        configuration.logLevel = max(configuration.logLevel, .error)
        let chosen = try choosePassword()
        let app = try await buildApp(configuration)
        do {
            _ = try await app.identity.createAdministrator(email: email, password: chosen)
            await app.database.close()
        } catch {
            await app.database.close()
            throw error
        }
        Terminal.say("\(email) is an administrator now (\(Shown.database(configuration.databaseURL))).")
        if generatePassword { Terminal.say("The password, shown this once: \(chosen)") }
    }

    private func choosePassword() throws -> String {
        if let password { return password }
        if generatePassword { return Self.generated() }
        if passwordStdin {
            guard let line = readLine() else { throw Failure("Standard input holds no password.") }
            return line
        }
        let first = try Terminal.askSecret("Password for \(email): ")
        guard try Terminal.askSecret("Once more: ") == first else { throw Failure("The two passwords differ, and nothing was done.") }
        return first
    }

    /// 24 of 32 characters that nobody takes for one another: 120 random bits.
    private static func generated() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let groups = (0..<4).map { _ in String((0..<6).map { _ in alphabet[Int.random(in: alphabet.indices)] }) }
        return groups.joined(separator: "-")
    }
}
