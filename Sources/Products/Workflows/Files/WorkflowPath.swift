import Files
import Modules

/// The path of a file within the folder of a workflow: one to four names separated by slashes. Paths are equal where
/// their bytes are, as they are for the database and on the disk.
struct WorkflowPath: Hashable, Sendable {
    let text: String

    static let bytesMax = 200
    private static let namesMax = 4

    /// - Throws: ``StepFailure`` for a path that leads out of the folder, and for one with control characters.
    init(_ text: String) throws(StepFailure) {
        let trimmed = text.hasPrefix("./") ? text.dropFirst(2) : text[...]
        let names = trimmed.split(separator: "/", omittingEmptySubsequences: false)
        guard trimmed.utf8.count <= Self.bytesMax, (1...Self.namesMax).contains(names.count),
            names.allSatisfy({ Self.isName($0) })
        else {
            throw StepFailure(
                .policyViolation,
                "A path is one to \(Self.namesMax) names of files within the folder of the workflow, with slashes "
                    + "between them.")
        }
        self.text = String(trimmed)
    }

    init(trusted text: String) { self.text = text }

    static func == (left: Self, right: Self) -> Bool { TextBytes(left.text) == TextBytes(right.text) }

    func hash(into hasher: inout Hasher) { hasher.combine(TextBytes(text)) }

    /// Names that begin with a dot are refused, `.` and `..` among them.
    private static func isName(_ name: Substring) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && name.isFileNameText
    }
}

extension WorkflowPath: SQLBindable {
    var sqlValue: SQL.Value { .text(text) }
}
