# LemonLDAP::NG's portal for a test: people from a file, and a configuration that
# is read anew when it has changed. Everything of SAML is LemonLDAP::NG's own.
#
# FOLDER (environment) holds people.json and configuration/lmConf-N.json, which
# test/interop/lemonldap.go writes.
use strict;
use warnings;
use JSON;
use Lemonldap::NG::Portal;
use Lemonldap::NG::Portal::UserDB::Demo;

# The portal wants a module for pictures of letters, also when it shows none.
BEGIN {
    package Lemonldap::NG::Portal::Captcha::None;
    use Mouse;
    extends 'Lemonldap::NG::Common::Module';
    sub init { 1 }
    $INC{'Lemonldap/NG/Portal/Captcha/None.pm'} = __FILE__;
}

sub content {
    open my $file, '<', shift or die $!;
    local $/;
    return decode_json(<$file>);
}

# People of the module Demo, whose password is their name.
my $people = content("$ENV{FOLDER}/people.json");
my ( %accounts, %groups );
for my $person (@$people) {
    my $one = $accounts{ $person->{Username} } = {};
    for my $name ( keys %{ $person->{Attributes} } ) {
        my $values = $person->{Attributes}{$name};
        if   ( $name eq 'groups' ) { push @{ $groups{$_} }, $person->{Username} for @$values }
        else                       { $one->{$name} = $values->[0] }
    }
}
%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = %accounts;
%Lemonldap::NG::Portal::UserDB::Demo::demoGroups   = %groups;

my ( $app, $known );
sub {
    my ($newest) = sort { $b <=> $a } map { /lmConf-(\d+)/ } glob("$ENV{FOLDER}/configuration/lmConf-*.json");
    if ( !defined $known || $known != $newest ) {
        $known = $newest;
        $app   = Lemonldap::NG::Portal->run( {} );
    }
    return $app->(@_);
};
