"""The web application, asked through its test client and over real sockets; the district is
`tests.web_world`'s.
"""
