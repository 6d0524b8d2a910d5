package import Modules

/// A person, and the organisations without other members, whose data is exported and erased with the person's.
package struct DataSubject: Sendable {
    package let person: ID<Person>
    package let organisations: [ID<Organisation>]
}

/// The type of the random id that replaces a person's id after an erasure.
package struct Pseudonym: Sendable {}
