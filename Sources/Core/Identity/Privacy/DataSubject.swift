package import Modules

/// A person, and the organisations without other members, whose data is exported and erased with the person's.
package struct DataSubject: Sendable {
    package let person: ID<Person>
    package let organisations: [ID<Organisation>]

    /// The organisations with the texts that replace their ids in rows that stay: the same ones in all tables, so that
    /// these rows still belong together.
    package func organisations(as pseudonym: ID<Pseudonym>) -> [(id: ID<Organisation>, pseudonym: String)] {
        organisations.enumerated().map { ($0.element, "\(pseudonym)-\($0.offset + 1)") }
    }
}

/// The type of the random id that replaces a person's id after an erasure.
package struct Pseudonym: Sendable {}
