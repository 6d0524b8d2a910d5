package import Identity
package import Modules

/// A sequence of messages of one organisation, numbered from 1 without gaps.
package struct Topic: Hashable, Sendable {
    package let organisation: ID<Organisation>
    package let name: TopicName

    package init(_ name: TopicName, of organisation: ID<Organisation>) {
        self.name = name
        self.organisation = organisation
    }
}

extension Topic: Comparable {
    /// The order in which the rows of several topics are locked.
    package static func < (left: Topic, right: Topic) -> Bool {
        (left.name.text, left.organisation.text) < (right.name.text, right.organisation.text)
    }
}
