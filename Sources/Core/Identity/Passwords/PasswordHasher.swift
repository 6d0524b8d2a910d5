import CCrypt
import Foundation
package import Modules
import Secrets

/// bcrypt (`$2b$`) by the system's libcrypt, on threads of its own with a bounded queue.
package final class PasswordHasher: Sendable {
    private let cost: Int
    private let pool: BlockingPool
    /// The hash that the password of an unknown user is compared with, so that it takes as long as a known user's.
    private let decoy: String
    private let crypt: @Sendable (_ password: String, _ setting: String) throws -> String

    /// - Parameter cost: the binary logarithm of the rounds, 4 to 15; 12 takes about a quarter of a second.
    /// - Throws: ``Failure`` where libcrypt has no bcrypt.
    package init(cost: Int, threads: Int) throws {
        precondition((4...15).contains(cost), "a bcrypt cost is from 4 to 15")
        self.cost = cost
        pool = BlockingPool(name: "passwords", threads: threads, capacity: 16 * threads)
        // No password has a hash of 31 full stops.
        decoy = try Self.salt(cost: cost) + String(repeating: ".", count: 31)
        crypt = Self.crypt
    }

    /// A hasher without work that verifies no password, for measurements of the code around it.
    package init(measuringOn threads: Int) {
        cost = 4
        pool = BlockingPool(name: "passwords", threads: threads, capacity: 16 * threads)
        decoy = String(repeating: "*", count: 60)
        crypt = { _, _ in String(repeating: "-", count: 60) }
    }

    /// - Throws: `overloaded` where the queue is full.
    package func hash(_ password: String) async throws(Problem) -> String {
        let password = Self.normalized(password)
        return try await Problem.catching { [cost] in try await pool.run { try Self.hash(password, cost: cost) } }
    }

    /// - Parameter hash: nil for an unknown user; it takes the same time, and the result is false.
    /// - Throws: `overloaded` where the queue is full.
    func verify(_ password: String, against hash: String?) async throws(Problem) -> Bool {
        // bcrypt reads 72 bytes. A longer text was never accepted as a password, and takes the same time to refuse.
        let password = Self.normalized(password)
        let readable = password.utf8.count <= PasswordPolicy.maximumBytes && !password.hasNUL
        let known = try await Problem.catching { [crypt, decoy] in
            try await pool.run {
                let setting = hash ?? decoy
                let computed = try crypt(readable ? password : "", setting)
                return constantTimeEquals(computed.utf8, setting.utf8)
            }
        }
        return known && hash != nil && readable
    }

    /// Unicode NFC: keyboards differ in whether an accented letter is one character or a letter and an accent.
    static func normalized(_ password: String) -> String { password.precomposedStringWithCanonicalMapping }

    private static func hash(_ password: String, cost: Int) throws -> String {
        try crypt(password, setting: salt(cost: cost))
    }

    private static func salt(cost: Int) throws -> String {
        var random = Runtime.system.randomBytes(16).map { CChar(bitPattern: $0) }
        var memory: UnsafeMutablePointer<CChar>?
        memory = crypt_gensalt_ra("$2b$", UInt(cost), &random, Int32(random.count))
        guard let memory else { throw Failure() }
        defer { free(memory) }
        return String(cString: memory)
    }

    private static func crypt(_ password: String, setting: String) throws -> String {
        var memory: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer { free(memory) }
        // The result points into `memory`. A failure is a string that begins with an asterisk.
        guard let result = crypt_ra(password, setting, &memory, &size), result.pointee != CChar(UInt8(ascii: "*"))
        else { throw Failure() }
        return String(cString: result)
    }

    /// libcrypt failed: for a malformed hash, or without memory.
    struct Failure: Error {}
}
