package import HTTPTypes
import Modules

extension HTTPField.Name {
    /// The organisation in which a request acts, where it is not that of the credential.
    package static let organisation = constant("X-Organisation")
}
