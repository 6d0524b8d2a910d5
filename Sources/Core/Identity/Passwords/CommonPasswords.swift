/// The most common passwords of eight or more characters in lists of breaches; shorter ones are refused by length.
enum CommonPasswords {
    static let all: Set<String> = Set(
        """
        12345678 123456789 1234567890 password password1 password12 password123 passw0rd p@ssword p@ssw0rd p@ssw0rd1
        qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 zaq12wsx
        zaq1zaq1 q1w2e3r4 qazwsxedc qweasdzxc asdfghjk asdfghjkl asdf1234 zxcvbnm1 zxcvbnm123 iloveyou iloveyou1
        sunshine sunshine1 princess princess1 football football1 baseball baseball1 basketball superman superman1
        batman123 starwars starwars1 trustno1 whatever whatever1 welcome1 welcome12 welcome123 letmein1 letmein123
        changeme changeme1 changeme123 adminadmin admin123 admin1234 administrator root1234 rootroot guest123 testtest
        test1234 test12345 testing1 testing123 computer computer1 internet internet1 samsung1 michelle jennifer
        jennifer1 jonathan jessica1 danielle benjamin victoria alexander alexandra elizabeth charlotte nicholas
        patricia samantha stephanie anthony1 charlie1 michael1 jordan23 liverpool liverpool1 chelsea1 arsenal1
        manchester barcelona juventus mercedes mustang1 corvette chocolate chocolate1 butterfly butterfly1 cheese123
        cookie123 banana123 blink182 dragon123 monkey123 shadow123 master123 hunter123 killer123 soccer123 hockey123
        summer123 summer2020 summer2021 summer2022 summer2023 summer2024 summer2025 winter2020 winter2021 winter2022
        winter2023 winter2024 winter2025 spring2024 autumn2024 january1 february december1 abcd1234 abcdefgh abc12345
        abc123456 a1b2c3d4 aa123456 aaaaaaaa 11111111 111111111 1111111111 00000000 000000000 0000000000 22222222
        33333333 44444444 55555555 66666666 77777777 88888888 99999999 12341234 11223344 112233445566 12121212
        123123123 123321123 147258369 159753456 987654321 9876543210 87654321 13579246 24681012 31415926 102030405060
        01234567 0123456789 12345679 123456789a 123456789q 1234qwer 123qweasd 123qwe123 123456abc 12345qwert qwer1234
        asdfasdf asdasdasd qweqweqwe zxczxczxc lovelove loveyou1 babygirl babygirl1 sweetheart darling1 forever1
        friends1 freedom1 happy123 hello123 hello1234 helloworld goodluck godislove jesus123 blessed1 heaven123
        secret123 mysecret mypassword yourpassword newpassword passpass password! password1! passwort passwort1
        motdepasse contrasena senha123 parola123 hesloheslo wachtwoord salasana google123 facebook facebook1 linkedin
        twitter1 instagram minecraft pokemon1 pokemon123 naruto123 nintendo playstation xboxlive gateway1 gatehouse
        """.split(whereSeparator: \.isWhitespace).map(String.init)
    )
}
