extension SQL {
    /// An index of the words in a text column: FTS5 with triggers on SQLite, GIN on PostgreSQL. It follows the rows of
    /// its table, except for changes of the text, which it does not see.
    package struct TextIndex: Sendable {
        /// A statement, or a part of one.
        package enum Part: Sendable {
            case index, insertion, deletion, condition, conditionEnd, merge
        }

        private let table: String
        private let column: String
        private let key: String

        /// Characters of a text that PostgreSQL indexes, so that its words fit into the megabyte of a `tsvector`.
        private static let charactersMax = 100_000

        /// - Parameter key: an integer column that is the primary key: FTS5 refers to rows by it.
        package init(on table: StaticString, column: StaticString, key: StaticString) {
            (self.table, self.column, self.key) = ("\(table)", "\(column)", "\(key)")
        }

        /// The statements of a migration.
        package var definition: [SQL] { [Part.index, .insertion, .deletion].map { "\(.textIndex(self, $0))" } }

        /// A condition on rows of the table: their texts have all of the words.
        /// - Parameter words: of letters and digits.
        package func matches(_ words: [String]) -> SQL {
            let query = words.map { "\"\($0)\"" }.joined(separator: " ")
            return "\(.textIndex(self, .condition))\(query)\(.textIndex(self, .conditionEnd))"
        }

        /// Removes the words of deleted rows from the files of the database, which SQLite does by and by. It takes time
        /// in proportion to the index.
        package var merge: SQL { "\(.textIndex(self, .merge))" }

        func text(of part: Part, for dialect: Dialect) -> String {
            let name = "\(table)_text"
            return switch (part, dialect) {
            case (.index, .sqlite):
                """
                CREATE VIRTUAL TABLE \(name) USING fts5 (
                    \(column), content = '\(table)', content_rowid = '\(key)',
                    tokenize = 'unicode61 remove_diacritics 2')
                """
            case (.index, .postgres): "CREATE INDEX \(name) ON \(table) USING GIN (\(words))"
            case (.insertion, .sqlite):
                """
                CREATE TRIGGER \(name)_insertion AFTER INSERT ON \(table) BEGIN
                    INSERT INTO \(name) (rowid, \(column)) VALUES (new.\(key), new.\(column));
                END
                """
            case (.deletion, .sqlite):
                """
                CREATE TRIGGER \(name)_deletion AFTER DELETE ON \(table) BEGIN
                    INSERT INTO \(name) (\(name), rowid, \(column)) VALUES ('delete', old.\(key), old.\(column));
                END
                """
            case (.condition, .sqlite): "\(key) IN (SELECT rowid FROM \(name) WHERE \(name) MATCH "
            case (.condition, .postgres): "(\(words) @@ websearch_to_tsquery('simple', "
            case (.conditionEnd, .sqlite): ")"
            case (.conditionEnd, .postgres): "))"
            case (.merge, .sqlite): "INSERT INTO \(name) (\(name)) VALUES ('optimize')"
            // The index of PostgreSQL has the words of rows that exist, and follows them by itself.
            case (.insertion, .postgres), (.deletion, .postgres), (.merge, .postgres): "SELECT 1"
            }
        }

        private var words: String { "to_tsvector('simple', left(\(column), \(Self.charactersMax)))" }
    }
}
